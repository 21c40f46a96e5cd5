for(const b of document.querySelectorAll('button[data-copy]'))b.onclick=async()=>{const t=b.previousElementSibling.textContent;
try{await navigator.clipboard.writeText(t)}catch{const a=document.createElement('textarea');a.value=t;document.body.append(a);a.select();
document.execCommand('copy');a.remove()}b.textContent='Copied';setTimeout(()=>b.textContent='Copy',1500)};
