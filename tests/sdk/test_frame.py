"""From a photo to an array, and what is refused on the way."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.errors import InputError
from sdk.frame import MAX_FILE_BYTES, decode, decode_bytes, pad_to_multiple, photo_cells, shrink
from tests.sdk import photo_files
from tests.sdk.photo_files import TURNS, encoded, with_orientation
from tests.tiny_package import noise_photo

PHOTO = noise_photo(24, 40)
GREY = PHOTO[:, :, 0]
JPEG = encoded(PHOTO, ".jpg")
PROGRESSIVE = encoded(PHOTO, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
LOSSLESS_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 101)
LOSSLESS = {".png": (), ".bmp": (), ".tiff": (), ".webp": LOSSLESS_WEBP}


def refused(photo: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(photo)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_path_bytes_and_an_array_are_the_same_photo(tmp_path: Path, suffix: str) -> None:
    data = encoded(PHOTO, suffix, *LOSSLESS[suffix])
    (tmp_path / "photo").write_bytes(data)

    assert all(np.array_equal(decode(photo), PHOTO) for photo in (tmp_path / "photo", str(tmp_path / "photo"), data))
    assert decode(PHOTO) is PHOTO


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("jpeg", [JPEG, PROGRESSIVE], ids=["baseline", "progressive"])
def test_a_photo_taken_with_a_turned_camera_is_upright(jpeg: bytes, orientation: int) -> None:
    assert np.array_equal(decode(with_orientation(jpeg, orientation)), TURNS[orientation](decode(jpeg)))


def test_labels_can_ask_for_the_pixels_as_stored() -> None:
    stored = decode_bytes(with_orientation(JPEG, 6), "photo", upright=False)

    assert np.array_equal(stored, decode(JPEG))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (GREY, np.dstack([GREY] * 3)),
        (np.dstack([PHOTO, GREY]), PHOTO),
        (PHOTO.astype(np.uint16) * 256 + 7, PHOTO),
        (GREY.astype(np.uint16) * 256 + 200, np.dstack([GREY] * 3)),
    ],
    ids=["grey", "rgba", "16-bit", "16-bit grey"],
)
def test_any_kind_of_png_becomes_8_bit_bgr(stored: np.ndarray, expected: np.ndarray) -> None:
    assert np.array_equal(decode(encoded(stored)), expected)


def test_a_grey_png_with_transparency_loses_that_alone() -> None:
    assert np.array_equal(
        decode(photo_files.png(GREY, kind=4, samples=np.dstack([GREY, 255 - GREY]))), decode(encoded(GREY))
    )


def test_a_palette_png_gets_its_colours() -> None:
    palette = bytes(range(256)) * 3

    photo = decode(photo_files.png(GREY, kind=3, samples=GREY, palette=palette))

    assert np.array_equal(photo, np.frombuffer(palette, np.uint8).reshape(256, 3)[:, ::-1][GREY])


def test_a_jpeg_in_printing_colours_gets_its_colours() -> None:
    blue, green, red = decode(photo_files.CMYK_JPEG)[8, 8]

    assert (blue < 10, green < 10, red > 245) == (True, True, True)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), r"is uint8 \(h, w, 3\) BGR; this one is float32 .*astype"),
        (np.zeros((8, 8), np.uint8), r"this one is uint8 \(8, 8\).*GRAY2BGR"),
        (np.zeros((8, 8, 4), np.uint8), r"this one is uint8 \(8, 8, 4\).*BGRA2BGR"),
        (np.zeros((2, 8, 8, 3), np.uint8), "one by one"),
        (np.zeros((3, 8, 8), np.uint8), "height, width, colour"),
        (np.zeros((0, 8, 3), np.uint8), "holds no pixels"),
        (np.broadcast_to(np.uint8(0), (30_000, 30_000, 3)), "this array is 30000 x 30000, 900,000,000 pixels"),
        ([1, 2], "this is list"),
        (None, "this is NoneType"),
        ("no\0path", "is no path"),
    ],
)
def test_what_is_no_photo_is_refused_with_what_it_is(photo: object, message: str) -> None:
    refused(photo, message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the data holds 0 bytes"),
        (b"hello", "is not a photo .expected JPEG, PNG"),
        (JPEG[:-200], "is cut off after"),
        (PROGRESSIVE[:-200], "is cut off after"),
        (encoded(PHOTO)[:-200], "is cut off after"),
        (encoded(PHOTO, ".bmp")[:-200], "is cut off after"),
        (encoded(PHOTO, ".webp")[:-20], "is cut off after"),
        (encoded(PHOTO, ".tiff")[:-200], "is damaged"),
        (b"\xff\xd8\xff\xd9", "does not tell its size"),
    ],
    ids=["empty", "text", "jpeg", "progressive", "png", "bmp", "webp", "tiff", "end mark alone"],
)
def test_a_broken_file_is_refused(data: bytes, message: str) -> None:
    refused(data, message)


def test_a_file_that_the_decoder_refuses_is_called_damaged() -> None:
    data = bytearray(encoded(PHOTO))
    data[60:90] = bytes(30)

    refused(bytes(data), "is damaged: it cannot be decoded")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    refused(tmp_path / "none.jpg", "no such photo: .*none.jpg")
    refused(tmp_path, "is a folder, expected a photo")
    refused(tmp_path / ("x" * 300), "cannot read .*name too long")


def test_a_file_larger_than_any_photo_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "video.jpg").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    refused(tmp_path / "video.jpg", "holds over 1,200,000,000 bytes")


@pytest.mark.parametrize(
    "make", [photo_files.huge_png, photo_files.huge_bmp, photo_files.huge_webp, photo_files.huge_tiff]
)
def test_a_photo_beyond_the_limit_is_refused_before_it_takes_memory(make: Callable[[], bytes]) -> None:
    data = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    refused(data, r"pixels; the limit is 150,000,000")

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize(
    "view",
    [PHOTO[:, :, ::-1], PHOTO[::-1, ::2], np.asfortranarray(PHOTO), np.ma.asarray(PHOTO).data],
    ids=["rgb to bgr", "every second column", "column by column", "a view"],
)
def test_views_of_arrays_are_padded_like_copies(view: np.ndarray) -> None:
    assert np.array_equal(pad_to_multiple(decode(view), 16), pad_to_multiple(view.copy(), 16))


@pytest.mark.parametrize("size", [(1, 1), (15, 16), (16, 17), (1, 100), (32, 48)])
def test_padding_mirrors_the_photo_to_the_right_and_below(size: tuple[int, int]) -> None:
    photo = noise_photo(*size)
    below, right = -size[0] % 16, -size[1] % 16

    assert np.array_equal(pad_to_multiple(photo, 16), np.pad(photo, ((0, below), (0, right), (0, 0)), "reflect"))


@pytest.mark.parametrize("size", [(1, 1), (8, 9), (15, 16), (17, 31)])
def test_the_cells_of_a_photo_are_those_that_hold_its_pixels(size: tuple[int, int]) -> None:
    padded = np.zeros((32, 32), np.float32)
    padded[: size[0], : size[1]] = 1
    cells = padded.reshape(4, 8, 4, 8).sum(axis=(1, 3))

    kept = photo_cells(cells, *size, 8)

    assert kept.sum() == cells.sum()
    assert (kept > 0).all()


def test_shrinking_keeps_the_shape_of_things_and_never_enlarges() -> None:
    frame = shrink(noise_photo(100, 200), 50)

    assert (frame.image.shape, frame.scale) == ((25, 50, 3), 0.25)
    assert shrink(PHOTO, 100).image is PHOTO
    assert shrink(noise_photo(1, 900), 30).image.shape == (1, 30, 3)
