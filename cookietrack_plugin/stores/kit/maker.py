"""Fast construction of frozen classes: a store constructs one for every record that it reads."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from attrs import make_class

P = ParamSpec("P")
T = TypeVar("T")


def maker(frozen: Callable[P, T]) -> Callable[P, T]:
    """
    A constructor of the `attrs` class `frozen` that takes less than half the time of its own.

    A frozen class sets each field through `object.__setattr__`. Here they are assigned to an
    instance of a subclass that is not frozen, which then becomes one of `frozen`, for good.
    """

    def freeze(self: Any) -> None:
        self.__class__ = frozen

    thawed = {
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
        "__attrs_post_init__": freeze,
    }
    bases = (cast("type[T]", frozen),)
    return make_class(frozen.__name__, {}, bases, class_body=thawed, slots=True)
