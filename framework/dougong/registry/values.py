"""Turning what the user wrote into a setting's type, with errors that name the key and what is allowed."""

import dataclasses
import enum
import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

from dougong.errors import UserError, nearest
from dougong.registry.plugin import class_signature
from dougong.registry.signature import REQUIRED, Signature, strip
from dougong.registry.wording import BOUNDS, describe_type

MISSING = "???"  # OmegaConf's mark for a value that has to be given


def fill(signature: Signature, given: dict[str, Any], key: str) -> dict[str, Any]:
    """The settings of a signature, converted and checked; `key` is what the messages prefix.

    Raises:
        UserError: a setting is unknown, missing, of the wrong type or out of bounds.
    """
    names = [setting.name for setting in signature.settings]
    for name in given:
        if name not in names:
            close = nearest(name, names)
            hint = f" Did you mean `{close}`?" if close else ""
            listed = f"Known: {', '.join(names)}." if names else "It has no settings."
            raise UserError(f"{key}.{name}: there is no such setting.{hint} {listed}".lstrip("."))
    values = {}
    for setting in signature.settings:
        full = f"{key}.{setting.name}".lstrip(".")
        value = given.get(setting.name, setting.default)
        if value is REQUIRED or value == MISSING:
            raise UserError(f"{full}: has to be given, as {full}=...")
        values[setting.name] = convert(setting.type, value, full)
    return values


def convert(annotation: Any, value: Any, key: str) -> Any:
    """`value` as the annotated type, with its bounds checked.

    Raises:
        UserError: it can't be; the message names `key`, what is allowed and what was given.
    """
    inner, extras = strip(annotation)
    converted = _convert(inner, value, key)
    for bound in extras:
        _check(bound, converted, key)
    return converted


def _convert(annotation: Any, value: Any, key: str) -> Any:
    origin = get_origin(annotation)
    if annotation is Any or annotation is object:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(annotation, value, key)
    if origin is Literal:
        return _choice(get_args(annotation), value, key)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](get_args(annotation), value, key)
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation](value, key)
    if annotation in _CONTAINERS:
        return _CONTAINERS[annotation]((), value, key)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enum(annotation, value, key)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _dataclass(annotation, value, key)
    if annotation is None or annotation is type(None):
        return value if value is None else _refuse(key, "null", value)
    return value  # a type that configuration does not know; the constructor judges


def _refuse(key: str, allowed: str, value: Any) -> Any:
    raise UserError(f"{key}: must be {allowed}, got {_show(value)}.")


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)


def _integer(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        _refuse(key, "a whole number", value)
    try:
        number = int(value) if isinstance(value, str) else value
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        _refuse(key, "a whole number", value)
    return int(number)


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        _refuse(key, "a number", value)
    try:
        return float(value)
    except ValueError:
        return _refuse(key, "a number", value)  # type: ignore[no-any-return]


def _boolean(value: Any, key: str) -> bool:
    if isinstance(value, bool):
        return value
    return _refuse(key, "true or false", value)  # type: ignore[no-any-return]


def _text(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(key, "a text", value)
    return str(value)


def _choice(allowed: tuple[Any, ...], value: Any, key: str) -> Any:
    if value in allowed and type(value) in {type(item) for item in allowed}:
        return value
    if not isinstance(value, str) and str(value) in allowed:  # `precision=32` is read as a number
        return str(value)
    close = nearest(str(value), [str(item) for item in allowed])
    hint = f" Did you mean `{close}`?" if close else ""
    raise UserError(f"{key}: must be one of {', '.join(map(str, allowed))}, got {_show(value)}.{hint}")


def _one_of(annotation: Any, value: Any, key: str) -> Any:
    """The first member of a union that takes the value; exact types go before converted ones."""
    members = get_args(annotation)
    if value is None and type(None) in members:
        return None
    exact = [member for member in members if strip(member)[0] is type(value)]
    errors = []
    for member in [*exact, *(item for item in members if item is not type(None) and item not in exact)]:
        try:
            return convert(member, value, key)
        except UserError as error:
            errors.append(str(error))
    if len(errors) == 1 or exact:
        raise UserError(errors[0])
    allowed = " or ".join(describe_type(member) for member in members)
    return _refuse(key, allowed, value)


def _enum(annotation: type[enum.Enum], value: Any, key: str) -> enum.Enum:
    if isinstance(value, annotation):
        return value
    for member in annotation:
        if value in (member.name, member.value):
            return member
    _choice(tuple(member.name for member in annotation), value, key)
    raise AssertionError


def _dataclass(annotation: type, value: Any, key: str) -> Any:
    given = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    if not isinstance(given, dict):
        _refuse(key, "a group of settings", value)
    return annotation(**fill(class_signature(annotation), given, key))


def _list(arguments: tuple[Any, ...], value: Any, key: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        _refuse(key, "a list, as [a,b]", value)
    member = arguments[0] if arguments else Any
    return [convert(member, item, f"{key}[{index}]") for index, item in enumerate(value)]


def _tuple(arguments: tuple[Any, ...], value: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        _refuse(key, "a list, as [a,b]", value)
    if not arguments or arguments[-1] is Ellipsis:
        return tuple(_list(arguments[:1], value, key))
    if len(value) != len(arguments):
        _refuse(key, f"a list of {len(arguments)}", list(value))
    pairs = zip(arguments, value, strict=True)
    return tuple(convert(member, item, f"{key}[{index}]") for index, (member, item) in enumerate(pairs))


def _dict(arguments: tuple[Any, ...], value: Any, key: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        _refuse(key, "a mapping, as {a: 1}", value)
    names, values = arguments or (Any, Any)
    return {convert(names, name, key): convert(values, item, f"{key}.{name}") for name, item in value.items()}


_PRIMITIVES: dict[Any, Callable[[Any, str], Any]] = {int: _integer, float: _number, bool: _boolean, str: _text}
_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {list: _list, tuple: _tuple, dict: _dict}


def _check(bound: Any, value: Any, key: str) -> None:
    if value is None:
        return
    for name, (sign, holds) in BOUNDS.items():
        limit = getattr(bound, name, None)
        if limit is not None and not holds(value, limit):
            _refuse(key, f"{sign} {limit}", value)
