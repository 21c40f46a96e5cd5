"""What the loaders of Windows and Linux share: a file is read once, and what is for another machine is refused."""

from __future__ import annotations

from .closure import CORRUPT, MACHINE, Closure, Module
from .image import Image
from .read import read_image


class Loader:
    """Base of a loader that is played through on paper.

    Attributes:
        FORMAT: What :attr:`Image.format` has to be.
        WRONG_FORMAT: What to call a file of another format.
    """

    FORMAT = ""
    WRONG_FORMAT = ""

    def __init__(self, machine: str, closure: Closure) -> None:
        self.machine = machine
        self.closure = closure
        self._images: dict[str, Image] = {}

    def _image(self, path: str) -> Image:
        image = self._images.get(path)
        if image is None:
            image = self._images[path] = read_image(path)
        return image

    def _foreign(self, image: Image) -> bool:
        return bool(self.machine and image.machine and image.machine != self.machine)

    def _judge(self, module: Module) -> None:
        image = module.image
        if image is None:
            return
        if image.problem:
            module.fail(CORRUPT, image.problem)
        elif image.format != self.FORMAT:
            module.fail(CORRUPT, f"{self.WRONG_FORMAT} ({image.format})")
        elif self._foreign(image):
            module.fail(MACHINE, f"for {image.machine}, Python is for {self.machine}")
