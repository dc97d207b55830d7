"""What holds of every name, hyperparameter and request, whatever is given."""

from __future__ import annotations

import string

from hypothesis import given, reject
from hypothesis import strategies as st

from trackforge.errors import ConfigError
from trackforge_sagemaker import sdk
from trackforge_sagemaker.hyperparameters import received
from trackforge_sagemaker.requests import check_name, hyperparameter_texts, parse_range, unique_name
from trackforge_sagemaker.requests.names import LONGEST
from trackforge_sagemaker.requests.ranges import ranges_of

NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=30).filter(
    lambda name: not name.startswith(("_", "sagemaker_")) and "__" not in name
)
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc XYZ019.,/-", max_size=20),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(st.text(min_size=1), st.sampled_from([kind for kind in LONGEST if kind != "bucket"]))
def test_a_unique_name_is_one_of_its_kind(base, kind):
    try:
        name = unique_name(base, most=LONGEST[kind])
    except ConfigError:
        assert not any(sign in string.ascii_letters + string.digits for sign in base)
        return
    assert check_name(name, kind) == name
    assert unique_name(base, most=LONGEST[kind], token="a") == unique_name(base, most=LONGEST[kind], token="a")


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_hyperparameters_arrive_as_they_were_meant(values):
    try:
        texts = hyperparameter_texts(values)
    except ConfigError:  # a text that would be read as something else: '"a"'
        reject()
    for name, one in received(texts).items():
        meant = values[name]
        assert (one.text if isinstance(meant, str) else one.value) == meant
        assert "'" not in texts[name]


@given(st.floats(1e-9, 1e3), st.floats(1e-9, 1e3), st.sampled_from(["", ":log", ":linear"]))
def test_ranges_are_kept(a, b, scale):
    least, most = sorted((a, b))
    text = f"{least!r}:{most!r}{scale}"
    try:
        made = ranges_of({"lr": parse_range(text)})
    except ConfigError:
        assert least == most
        return
    (only,) = made.values()
    assert (float(only[0]["MinValue"]), float(only[0]["MaxValue"])) == (least, most)


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), st.integers(), max_size=5))
def test_own_keys_are_never_respelled(values):
    request = {"HyperParameters": values, "InnerThing": [{"Environment": values, "SomeKey": 1}]}
    fields = sdk.resource_fields(request)
    assert fields == {"hyper_parameters": values, "inner_thing": [{"environment": values, "some_key": 1}]}
