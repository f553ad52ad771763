"""What passes between the host and the stand-in for a device."""

from dataclasses import dataclass, field


@dataclass
class Counts:
    """Copies up, copies down, waits, and launches of the project's own kernels by name."""

    uploads: int = 0
    downloads: int = 0
    synchronisations: int = 0
    launches: dict[str, int] = field(default_factory=dict)

    def reset(self) -> None:
        self.uploads = self.downloads = self.synchronisations = 0
        self.launches = {}


counts = Counts()
