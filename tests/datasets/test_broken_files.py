"""Broken data files: an error that names the file and what is wrong, or the exact data."""

import gzip
import io
import random
import re
import zipfile

import numpy as np
import pytest

from skqmu.datasets import load_covertype, load_fashion_mnist, load_mnist

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)
Y = np.repeat(np.arange(10), 2)
INDEX = np.arange(7, 27)
HEADER = ",".join([*(f"f{i}" for i in range(54)), "Cover_Type"])


def npz(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **{"X": X, "y": Y, "index": INDEX, **arrays})
    return stream.getvalue()


def table(values=None):
    if values is None:
        values = np.column_stack([RNG.uniform(-5, 500, (12, 54)), np.arange(12) % 7 + 1])
    lines = [HEADER, *(",".join(f"{value:g}" for value in row) for row in values)]
    return "\n".join(lines).encode()


def row_of(**wrong):
    values = np.ones((4, 55))
    for column, value in wrong.items():
        values[2, int(column[1:])] = value
    return values


def message_of(load, path):
    """Return what a loader says of a file that it refuses; only these two errors are allowed."""
    with pytest.raises((ValueError, OSError)) as caught:
        load(path)
    return str(caught.value)


# --- what is wrong is said, with the name of the file -----------------------------------


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"y": np.where(Y == 3, np.nan, Y)}, "row 6 has nan (2 such rows)"),
        ({"y": np.where(Y == 3, np.inf, Y)}, "whole numbers from 0 to 9"),
        ({"y": Y - 1}, "row 0 has -1"),
        ({"y": Y + 5}, "row 10 has 10"),
        ({"y": Y + 0.5}, "row 0 has 0.5"),
        ({"y": Y.astype(str)}, "labels must be numbers from 0 to 9"),
        ({"y": Y[:, None]}, "y of shape (n,)"),
        ({"y": Y[:-1]}, "y of shape (n,)"),
        ({"y": np.array(3)}, "y of shape (n,)"),
        ({"X": X.astype(float)}, "X must be uint8"),
        ({"X": X[:, :27]}, "(20, 27, 28)"),
        ({"X": X[0]}, "(28, 28)"),
        ({"X": X[:0], "y": Y[:0], "index": INDEX[:0]}, "holds no images"),
        ({"index": INDEX.reshape(4, 5)}, "index must be whole numbers of shape (20,)"),
        ({"index": np.column_stack([INDEX, INDEX])}, "index must be whole numbers of shape (20,)"),
        ({"index": INDEX[:5]}, "index must be whole numbers"),
        ({"index": INDEX / 1}, "index must be whole numbers"),
        ({"index": INDEX - 8}, "got -1 to 18"),
        ({"index": np.full(20, 2**64 - 1, dtype=np.uint64)}, "index must hold numbers of rows"),
        ({"y": np.array([{}] * 20, dtype=object)}, "allow_pickle"),
    ],
    ids=str,
)
@pytest.mark.parametrize("load", [load_mnist, load_fashion_mnist])
def test_images_with_wrong_arrays_are_refused_by_name(load, arrays, told, tmp_path):
    path = tmp_path / "digits.npz"
    path.write_bytes(npz(**arrays))
    message = message_of(load, path)
    assert str(path) in message
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (table(row_of(c3=np.nan)), "row 2 holds nan in column 'f3'"),
        (table(row_of(c10=-np.inf)), "row 2 holds -inf"),
        (table(row_of(c54=np.nan)), "row 2 holds nan in column 'Cover_Type'"),
        (table(row_of(c54=0)), "whole numbers from 1 to 7; row 2 has 0.0"),
        (table(row_of(c54=99)), "row 2 has 99.0"),
        (table(row_of(c54=1.5)), "row 2 has 1.5"),
        (table(np.ones((4, 54))), "54 values a row and 55 columns"),
        (HEADER.encode(), "a header and no rows"),
        (b"", "its header has 0 columns"),
        (table() + b"\n# a comment that loses no row silently", "damaged or something else"),
        (table() + b"\n1,2", "damaged or something else"),
        (table().replace(b"f1,", b"f\xff,"), "UnicodeDecodeError"),
        (b'"' * 200_000, "damaged or something else|its header has"),
        (b"PK\x03\x04 an archive", "its header has 1 columns"),
    ],
)
def test_tables_with_wrong_rows_are_refused_by_name(content, told, tmp_path):
    for path, raw in (
        (tmp_path / "cover.csv", content),
        (tmp_path / "cover.csv.gz", gzip.compress(content)),
    ):
        path.write_bytes(raw)
        message = message_of(load_covertype, path)
        assert str(path) in message
        assert re.search(told, message)


@pytest.mark.parametrize("load", [load_mnist, load_fashion_mnist, load_covertype])
@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"\x1f\x8b\x08", gzip.compress(b"x" * 99)[:-9], npz()[:-40], b"\x00" * 99],
    ids=["empty", "words", "gzip head", "cut gzip", "cut npz", "zeros"],
)
def test_other_files_and_cut_ones_are_refused_by_name(load, content, tmp_path):
    for name in ("some.npz", "some.csv", "some.csv.gz"):
        path = tmp_path / name
        path.write_bytes(content)
        assert str(path) in message_of(load, path)
    assert str(tmp_path) in message_of(load, tmp_path)
    assert "missing" in message_of(load, tmp_path / "missing.npz")


def test_an_array_alone_or_a_pickle_is_no_archive(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        np.save(file, X)
    assert str(path) in message_of(load_mnist, path)
    np.save(path.with_suffix(".npy"), np.array([print], dtype=object))
    assert "x.npy" in message_of(load_mnist, path.with_suffix(".npy"))


def test_a_header_that_claims_another_type_is_noticed(tmp_path):
    """NumPy reads as many bytes as the header claims, and then no checksum is compared."""
    source = io.BytesIO(npz(y=Y.astype(np.int64)))
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"'<i8'", b"'<i4'") if name == "y.npy" else content)
    message = message_of(load_mnist, path)
    assert "y holds more bytes than its header says" in message


def test_a_header_that_claims_more_than_there_is_asks_for_no_memory(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 784)}
    )
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", stream.getvalue() + bytes(50))
        archive.writestr("y.npy", b"")
    assert str(path) in message_of(load_mnist, path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"classes": ["a"]}, {"classes": [None]}, {"classes": [[1], [2, 3]]}, {"classes": [0.5]},
        {"classes": np.nan}, {"classes": [True]}, {"classes": {}}, {"n_per_class": 1.5},
        {"n_per_class": "2"}, {"n_per_class": True}, {"n_per_class": -1}, {"n_per_class": 10**9},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_name_the_argument_and_the_file(arguments, tmp_path):
    path = tmp_path / "digits.npz"
    path.write_bytes(npz())
    with pytest.raises(ValueError, match=next(iter(arguments))) as caught:
        load_mnist(path, **arguments)
    assert str(path) in str(caught.value)


# --- mutations --------------------------------------------------------------------------


def mutated(raw, rng):
    raw = bytearray(raw)
    kind = rng.choice(("flip", "flips", "cut", "insert", "zero", "double", "swap"))
    at, width = rng.randrange(len(raw)), rng.randrange(1, 60)
    if kind == "flip":
        raw[at] ^= 1 << rng.randrange(8)
    elif kind == "flips":
        for _ in range(20):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    elif kind == "cut":
        del raw[at:]
    elif kind == "insert":
        raw[at:at] = rng.randbytes(width)
    elif kind == "zero":
        raw[at : at + width] = bytes(len(raw[at : at + width]))
    elif kind == "double":
        raw += raw[at:]
    else:
        del raw[at : at + width]
    return bytes(raw)


FORMATS = {
    "npz": (load_mnist, npz()),
    "npz, deflated": (load_fashion_mnist, npz(np.savez_compressed)),
    "csv.gz": (load_covertype, gzip.compress(table(), mtime=0)),
}


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("form", FORMATS)
def test_a_mutated_file_is_refused_by_name_or_read_exactly(form, tmp_path):
    load, raw = FORMATS[form]
    path = tmp_path / f"data.{form.partition(',')[0]}"
    path.write_bytes(raw)
    exact = load(path)
    refused = 0
    for seed in range(170):
        rng = random.Random(seed)
        # most bytes of a small archive are pixels; what describes them is at the ends
        head = rng.random() < 0.5
        changed = raw[:-1200] + mutated(raw[-1200:], rng) if head else mutated(raw, rng)
        path.write_bytes(changed)
        try:
            data = load(path)
        except (ValueError, OSError) as error:
            refused += 1
            if str(path) not in str(error):
                pytest.fail(f"seed {seed}: {error}")
            continue
        for name in ("X", "y", "index"):
            np.testing.assert_array_equal(data[name], exact[name], err_msg=f"seed {seed}")
    assert refused > 80
