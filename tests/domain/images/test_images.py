import pytest
from pydantic import ValidationError

from instar.domain.images.images import ImageReference

ID = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/galleries/G/images/Web"
LINE = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS"}


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({"id": ID}, True),
        ({"id": ID, "version": "latest"}, True),
        ({"id": f"{ID}/versions/latest"}, True),
        ({"id": f"{ID}/versions/1.0.0"}, False),
        ({"id": ID, "version": "1.0.0"}, False),
        (LINE | {"version": "Latest"}, True),
        (LINE | {"version": "1.0.0"}, False),
        (LINE, False),
    ],
)
def test_i3_what_follows_latest(given: dict[str, str], follows: bool) -> None:
    assert ImageReference.model_validate(given).follows_latest is follows


def test_i2_both_spellings_of_a_pinned_gallery_version_are_one() -> None:
    pinned = ImageReference(id=f"{ID}/Versions/1.0.0")
    assert pinned == ImageReference(id=ID).at("1.0.0")
    assert str(pinned) == pinned.version_id == f"{ID}/versions/1.0.0"
    assert str(ImageReference(id=ID)) == ID
    assert ImageReference.model_validate(pinned.model_dump(by_alias=True)) == pinned


def test_i2_a_reference_that_contradicts_itself_is_none() -> None:
    with pytest.raises(ValidationError, match=r"its id names version 1\.0\.0, and its version is 2\.0\.0"):
        ImageReference(id=f"{ID}/versions/1.0.0", version="2.0.0")
    assert ImageReference(id=f"{ID}/versions/1.0.0", version="1.0.0").version == "1.0.0"


def test_p12_an_image_is_the_same_in_any_case_and_another_at_another_version() -> None:
    here = ImageReference(id=ID).at("1.0.0")
    assert here.same_as(ImageReference(id=ID.upper()).at("1.0.0"))
    assert not here.same_as(ImageReference(id=ID).at("1.0.1"))
    assert not here.same_as(ImageReference(id=f"{ID}2").at("1.0.0"))
    assert ImageReference(**LINE).same_as(ImageReference(**LINE | {"publisher": "canonical"}))
