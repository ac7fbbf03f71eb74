"""Images and services of a run: had from the executor, or refused when it has no containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hubwright.builder.executors import Executor, Furnishing, Furniture, TakenImage
from hubwright.builder.workspace import Workspace
from hubwright.domain.recipe_values import Service, Stage
from hubwright.errors import ExecutorError


async def furnish(
    executor: Executor,
    workspace: Workspace,
    stages: Iterable[Stage],
    services: Sequence[Service],
    say: Callable[[str], None],
) -> tuple[TakenImage, ...]:
    """Have the images of the stages and start the services, which are for them only. Raises ExecutorError."""
    images = tuple(dict.fromkeys(stage.image for stage in stages if stage.image is not None))
    if isinstance(executor, Furnishing):
        furniture = Furniture(images=images, services=tuple(services) if images else ())
        return await executor.furnish(workspace, furniture, say)
    if images:
        raise ExecutorError(
            f"The recipe wants the image {images[0]}, and this builder has no containers: it needs Docker or Podman "
            "and the executor auto or container."
        )
    return ()
