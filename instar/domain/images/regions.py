"""Names of regions: clients send either, gallery documents show the display name (docs/rules.md K4)."""

_DISPLAYED = (
    "Australia Central, Australia Central 2, Australia East, Australia Southeast, "
    "Austria East, Belgium Central, Brazil South, Brazil Southeast, Canada Central, Canada East, Central India, "
    "Central US, Central US EUAP, Chile Central, East Asia, East US, East US 2, East US 2 EUAP, France Central, "
    "France South, Germany North, Germany West Central, Indonesia Central, Israel Central, Italy North, Japan East, "
    "Japan West, Jio India Central, Jio India West, Korea Central, Korea South, Malaysia West, Mexico Central, "
    "New Zealand North, North Central US, North Europe, Norway East, Norway West, Poland Central, Qatar Central, "
    "South Africa North, South Africa West, South Central US, South India, Southeast Asia, Spain Central, "
    "Sweden Central, Sweden South, Switzerland North, Switzerland West, UAE Central, UAE North, UK South, UK West, "
    "West Central US, West Europe, West India, West US, West US 2, West US 3"
)


def region_name(location: str) -> str:
    """A region by its name, whether that or its display name was sent.

    >>> region_name("West US 2")
    'westus2'
    """
    return location.replace(" ", "").lower()


_BY_NAME = {region_name(one): one for one in _DISPLAYED.split(", ")}


def display_name(location: str) -> str:
    """A region as people read it; one that Azure does not have by its own name.

    >>> display_name("westus2"), display_name("Cellar 3")
    ('West US 2', 'cellar3')
    """
    name = region_name(location)
    return _BY_NAME.get(name, name)
