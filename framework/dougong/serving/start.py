"""From a model to its server."""

from dougong.inference.model import Model
from dougong.serving.application import application
from dougong.serving.description import example_of
from dougong.serving.server import Server, make_server
from dougong.serving.service import Service
from dougong.serving.settings import ServeSettings


def start(model: Model, settings: ServeSettings) -> Server:
    """The server of a model that has answered once: what is slow the first time is done, and what fails, fails now.

    Raises:
        UserError: the model does not answer.
    """
    service = Service(model, settings)
    example = example_of(model.task.accepts)
    (answer,) = service.batcher.submit([model.as_record(example, "the example")]).result()
    service.batcher.answered = service.batcher.batches = 0
    app = application(service, model.config["task"]["name"], model.task.accepts, example, answer)
    return make_server(app, service)
