from jouleline.core.declarations import function_of
from jouleline.core.syntax import descendants, parse


def return_type(text: bytes) -> str:
    source = parse(text)
    (definition,) = descendants(source.root, "function_definition")
    function = function_of(definition, source)
    assert function is not None
    return function.return_type


def test_a_return_type_is_told_as_it_is_written() -> None:
    assert return_type(b"const float *row(int i) { return base + i; }") == "float*"


def test_a_class_in_front_of_a_function_is_named_without_its_body() -> None:
    # The semicolon is missing as yet; a library's class may have 400,000 characters.
    assert return_type(b"struct Image { int width, height; }\nshow(int x) { }") == "Image"
