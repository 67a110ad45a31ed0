"""What is known of a photo file before it is decoded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sdk.frame import decode
from sdk.photo_file import announced_size, is_cut_off
from tests.sdk.photo_files import encoded, huge_tiff, with_orientation, with_thumbnail
from tests.tiny_package import noise_photo

PHOTO = noise_photo(40, 56)
WEBP = cv2.IMWRITE_WEBP_QUALITY
FILES = {
    "jpeg": encoded(PHOTO, ".jpg"),
    "progressive": encoded(PHOTO, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": encoded(PHOTO, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "png": encoded(PHOTO),
    "webp": encoded(PHOTO, ".webp", WEBP, 80),
    "lossless webp": encoded(PHOTO, ".webp", WEBP, 101),
    "transparent webp": encoded(np.dstack([PHOTO, PHOTO[:, :, 0]]), ".webp", WEBP, 80),
    "tiff": encoded(PHOTO, ".tiff"),
    "bmp": encoded(PHOTO, ".bmp"),
    "grey bmp": encoded(PHOTO[:, :, 0], ".bmp"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_announced_size_is_that_of_the_photo(name: str) -> None:
    assert announced_size(FILES[name]) == PHOTO.shape[:2] == decode(FILES[name]).shape[:2]


@pytest.mark.parametrize("name", FILES)
def test_the_first_bytes_of_a_file_never_fail_to_be_looked_at(name: str) -> None:
    for length in range(min(len(FILES[name]), 300)):
        assert min(announced_size(FILES[name][:length])) >= 0


@pytest.mark.parametrize("name", [name for name in FILES if name != "tiff"])
def test_a_file_is_cut_off_wherever_it_is_cut(name: str) -> None:
    data = FILES[name]

    assert not is_cut_off(data)
    assert all(is_cut_off(data[:length]) for length in range(40, len(data) - 12, 97))


@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "webp", "bmp"])
@pytest.mark.parametrize("tail", [b"\xff\xda" * 400, bytes(5000)], ids=["marks", "zeros"])
def test_what_phones_put_behind_a_photo_does_no_harm(name: str, tail: bytes) -> None:
    assert not is_cut_off(FILES[name] + tail)
    assert np.array_equal(decode(FILES[name] + tail), decode(FILES[name]))


def test_a_thumbnail_is_not_taken_for_the_photo() -> None:
    data = with_thumbnail(FILES["jpeg"], encoded(noise_photo(8, 8), ".jpg"))

    assert announced_size(data) == PHOTO.shape[:2]
    assert is_cut_off(data[:-2000])


def test_a_rotated_photo_announces_its_stored_size() -> None:
    assert announced_size(with_orientation(FILES["jpeg"], 6)) == PHOTO.shape[:2]


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_is_read_in_either_byte_order(order: str) -> None:
    assert announced_size(huge_tiff(order)) == (30_000, 30_000)


@pytest.mark.parametrize("data", [b"", b"GIF89a", bytes(99), b"%PDF"], ids=["none", "gif", "zeros", "pdf"])
def test_other_files_tell_nothing(data: bytes) -> None:
    assert (announced_size(data), is_cut_off(data)) == ((0, 0), False)
