const f=document.getElementById('filter'),n=document.getElementById('shown'),rows=[...document.querySelectorAll('[data-row]')];
const say=()=>{const w=f.value.toLowerCase().split(/\s+/).filter(Boolean);let c=0;for(const r of rows){const t=r.textContent.toLowerCase();
const k=w.every(x=>t.includes(x));r.hidden=!k;if(k&&r.dataset.row==='report')c++}n.textContent=c.toLocaleString('en')+' shown'};
// A link may carry a filter: page.html#filter=numpy
const h=decodeURIComponent(location.hash);if(h.startsWith('#filter='))f.value=h.slice(8);
f.oninput=say;for(const a of document.querySelectorAll('a[data-filter]'))a.onclick=e=>{e.preventDefault();f.value=a.dataset.filter;say();
document.getElementById('reports').scrollIntoView()};say();
