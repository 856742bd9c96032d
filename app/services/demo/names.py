"""What the demo company's customers are called, who works there and where: all made up."""

from dataclasses import dataclass

from app.domain.customer import CustomerType


@dataclass(frozen=True, slots=True)
class Place:
    """A city with what its addresses and telephone numbers look like."""

    city: str
    region: str | None
    country: str
    postal_code: str
    phone: str
    currency: str
    time_zone: str


# 555-01xx numbers and the other ranges below are set aside for fiction by their regulators.
PLACES = (
    Place("Portland", "OR", "US", "972{:02d}", "+1 503 555 01{:02d}", "USD", "America/Los_Angeles"),
    Place("Seattle", "WA", "US", "981{:02d}", "+1 206 555 01{:02d}", "USD", "America/Los_Angeles"),
    Place("Denver", "CO", "US", "802{:02d}", "+1 303 555 01{:02d}", "USD", "America/Denver"),
    Place("Austin", "TX", "US", "787{:02d}", "+1 512 555 01{:02d}", "USD", "America/Chicago"),
    Place("Chicago", "IL", "US", "606{:02d}", "+1 312 555 01{:02d}", "USD", "America/Chicago"),
    Place("Madison", "WI", "US", "537{:02d}", "+1 608 555 01{:02d}", "USD", "America/Chicago"),
    Place("Boston", "MA", "US", "021{:02d}", "+1 617 555 01{:02d}", "USD", "America/New_York"),
    Place("Burlington", "VT", "US", "054{:02d}", "+1 802 555 01{:02d}", "USD", "America/New_York"),
    Place("Dublin", None, "IE", "D{:02d} X2Y3", "+353 20 911 10{:02d}", "EUR", "Europe/Dublin"),
    Place("Hamburg", None, "DE", "203{:02d}", "+49 40 669 64 0{:02d}", "EUR", "Europe/Berlin"),
    Place("Lyon", None, "FR", "690{:02d}", "+33 4 65 71 00 {:02d}", "EUR", "Europe/Paris"),
)
US_PLACES = PLACES[:8]
EURO_PLACES = PLACES[8:]

STREETS = (
    "Alder Street",
    "Bridge Road",
    "Canal Street",
    "Dock Lane",
    "Elm Avenue",
    "Foundry Street",
    "Garden Row",
    "Harbor Way",
    "Kiln Lane",
    "Market Square",
    "Mill Street",
    "Orchard Road",
    "Station Road",
    "Tanner Street",
    "Union Street",
    "Wharf Road",
)
FIRST_PARTS = (
    "Alder & Ash",
    "Amber Lane",
    "Birch Hollow",
    "Blue Heron",
    "Bramble",
    "Canal Side",
    "Cedar Point",
    "Copper Kettle",
    "Corner Stone",
    "Dovetail",
    "Eastgate",
    "Fern & Field",
    "Finch & Son",
    "Foxglove",
    "Golden Hour",
    "Granite Peak",
    "Harbor View",
    "Hazel & Oak",
    "Iron Bridge",
    "Juniper",
    "Kingfisher",
    "Lantern",
    "Lighthouse",
    "Long Table",
    "Maple Row",
    "Meadowlark",
    "Millstone",
    "Morning Star",
    "North Pier",
    "Old Quarry",
    "Paper Moon",
    "Pine Ridge",
    "Quiet Corner",
    "Red Barn",
    "River Bend",
    "Saltbox",
    "Sparrow",
    "Stonecrop",
    "Sunday Best",
    "Thistle",
    "Three Rivers",
    "Tin Roof",
    "Union Hall",
    "Walnut Grove",
    "Wild Rye",
    "Willow",
    "Windmill",
    "Yellow Door",
)
KINDS = (
    ("Café", CustomerType.RETAIL),
    ("Bakery", CustomerType.RETAIL),
    ("Roasters", CustomerType.WHOLESALE),
    ("Hotel", CustomerType.BUSINESS),
    ("Bistro", CustomerType.BUSINESS),
    ("Books & Coffee", CustomerType.RETAIL),
    ("Provisions", CustomerType.DISTRIBUTOR),
    ("Offices", CustomerType.BUSINESS),
    ("Kitchen", CustomerType.BUSINESS),
)
FORENAMES = (
    "Ada",
    "Amir",
    "Bea",
    "Carlos",
    "Chloe",
    "Dana",
    "Elif",
    "Emil",
    "Farah",
    "Gus",
    "Hana",
    "Ines",
    "Jonas",
    "Kaya",
    "Leo",
    "Maya",
    "Nils",
    "Olga",
    "Priya",
    "Quinn",
    "Rosa",
    "Samir",
    "Tess",
    "Viktor",
    "Wen",
    "Zoe",
)
SURNAMES = (
    "Abbott",
    "Bauer",
    "Castillo",
    "Doyle",
    "Eriksen",
    "Fontaine",
    "Grant",
    "Haddad",
    "Ito",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quigley",
    "Rossi",
    "Sato",
    "Tanaka",
    "Underhill",
    "Vance",
    "Whitfield",
    "Yilmaz",
)
NOTES = (
    "Prefers one statement a month instead of single invoices.",
    "Wants purchase order numbers on every invoice; asks back when they are missing.",
    "New owner since spring; the old bank account is no longer theirs.",
    "Pays by cheque, always on a Friday. Be patient.",
    "Disputes freight charges regularly; agree on them before posting.",
    "Agreed to settle the oldest invoices first, in three instalments.",
    "Deliveries only before nine in the morning.",
    "Ask for the bookkeeper, not for the bar.",
)
TAGS = ("coffee", "tea", "machines", "service contract", "seasonal", "key account", "organic")
