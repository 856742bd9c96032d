"""Real shapes of file: what is right about each, or what is refused, where, and with which advice.

Those with a thread are as people met them in the imports of other systems.
"""

from dataclasses import dataclass, field

TITLES = {"code": "Customer", "number": "Invoice", "date": "Date", "amount": "Amount"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A file, how its mapping describes it, and what becomes of it.

    `posted`: dates and amounts of the invoices by reference; `refused`: by line, a part of the
    reason; `unusable`: a part of why nothing can be imported.
    """

    name: str
    content: str | bytes
    file: str = ""
    encoding: str = "utf-8"
    titles: dict[str, str] = field(default_factory=lambda: TITLES)
    extra: str = ""
    posted: dict[str, tuple[str, str]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    unusable: str = ""
    passed_over: int = 0
    thread: str = ""

    @property
    def mapping(self) -> str:
        """The mapping that somebody would write for it."""
        sections = {key: f'{{ column = "{title}" }}' for key, title in self.titles.items() if title}
        return f"""
version = 1
[fiscal_years]
first = 2017
last = 2026
[file]
encoding = "{self.encoding}"
{self.file}
[customer]
code = {sections["code"]}
business_name = {{ template = "Customer {{{self.titles["code"]}}}" }}
currency = {{ value = "EUR" }}
[invoice]
{self.extra}
reference = {sections["number"]}
date = {sections["date"]}
amount = {sections["amount"]}
"""

    @property
    def encoded(self) -> bytes:
        """The file."""
        content = self.content
        return content if isinstance(content, bytes) else content.encode(self.encoding)


GERMAN = 'delimiter = ";"\ndate_formats = ["%d.%m.%Y"]\ndecimal_mark = ","\ngroup_mark = "."'
FRENCH = 'delimiter = ";"\ndate_formats = ["%d/%m/%Y"]\ndecimal_mark = ","\ngroup_mark = " "'
SWISS = 'delimiter = ";"\ndate_formats = ["%d.%m.%Y"]\ngroup_mark = "\'"'
AMERICAN = 'date_formats = ["%m/%d/%Y"]\ngroup_mark = ","'
ROW = "Customer;Invoice;Date;Amount\n"
COMMA = "Customer,Invoice,Date,Amount\n"

RIGHT = [
    Shape(
        name="german, windows-1252",
        content=ROW + "Müller;R1;31.01.2024;1.495,18\nMüller;R2;01.02.2024;1.000\n",
        file=GERMAN,
        encoding="windows-1252",
        posted={"R1": ("2024-01-31", "1495.18"), "R2": ("2024-02-01", "1000.00")},
        thread="libracore/erpnextswiss#84, firefly-iii/firefly-iii#8404",
    ),
    Shape(
        name="german, iso-8859-15, with the sign of the euro in a name",
        content=ROW + "Bär €;R1;31.01.2024;5323,54\n",
        file=GERMAN,
        encoding="iso-8859-15",
        posted={"R1": ("2024-01-31", "5323.54")},
        thread="invoiceninja/invoiceninja#9130, otherworld-dev/Budget#189",
    ),
    Shape(
        name="french, narrow no-break spaces",
        content=ROW
        + "Crémerie;F1;31/01/2024;1\u202f234\u202f567,89\nCrémerie;F2;01/02/2024;12,5\n",
        file=FRENCH,
        posted={"F1": ("2024-01-31", "1234567.89"), "F2": ("2024-02-01", "12.50")},
    ),
    Shape(
        name="french, no-break spaces, windows-1252",
        content=ROW + "Crémerie;F1;31/01/2024;1\u00a0234,50\n",
        file=FRENCH,
        encoding="windows-1252",
        posted={"F1": ("2024-01-31", "1234.50")},
    ),
    Shape(
        name="hungarian, spaces, dates that end in a point",
        content=ROW + "H;1;2023.02.28.;262 259\n",
        file='delimiter = ";"\ndate_formats = ["%Y.%m.%d."]\ngroup_mark = " "',
        posted={"1": ("2023-02-28", "262259.00")},
        thread="firefly-iii/firefly-iii#7182, mayswind/ezbookkeeping#361",
    ),
    Shape(
        name="swiss, both apostrophes",
        content=ROW + "Z;1;31.01.2024;42'987.56\nZ;2;31.01.2024;1\u2019234.50\n",
        file=SWISS,
        posted={"1": ("2024-01-31", "42987.56"), "2": ("2024-01-31", "1234.50")},
        thread="OCA/edi#619",
    ),
    Shape(
        name="american, quoted amounts, days of one digit",
        content=COMMA + 'A,1,1/2/2024,"1,234,567.80"\nA,2,12/31/2024,.5\nA,3,01/02/2024,0.50\n',
        file=AMERICAN,
        posted={"1": ("2024-01-02", "1234567.80"), "3": ("2024-01-02", "0.50")},
        refused={3: "It must have '.' before decimals"},
    ),
    Shape(
        name="three decimals, and a group mark that is another",
        content=COMMA + "A,1,01/31/2024,1.500\n",
        file=AMERICAN,
        posted={"1": ("2024-01-31", "1.50")},
    ),
    Shape(
        name="tabs",
        content=ROW.replace(";", "\t") + "A\t1\t2024-01-31\t5\n",
        file='delimiter = "\\t"',
        posted={"1": ("2024-01-31", "5.00")},
    ),
    Shape(
        name="bars",
        content=ROW.replace(";", "|") + "A, B & C|1|2024-01-31|5\n",
        file='delimiter = "|"',
        posted={"1": ("2024-01-31", "5.00")},
    ),
    Shape(
        name="a byte order mark",
        content=b"\xef\xbb\xbf" + (COMMA + "A,1,2024-01-31,5\n").encode(),
        encoding="utf-8-sig",
        posted={"1": ("2024-01-31", "5.00")},
        thread="sheltermanager/asm3#826, eitchtee/WYGIWYH#136",
    ),
    Shape(
        name="the delimiter in a first line",
        content="sep=;\r\n" + ROW.replace("\n", "\r\n") + "A;1;2024-01-31;5\r\n",
        file='delimiter = ";"',
        posted={"1": ("2024-01-31", "5.00")},
        thread="frappe/erpnext#5239",
    ),
    Shape(
        name="two columns without a name, two of one name",
        content="Customer,Invoice,,Date,Amount,Note,Note,\nA,1,x,2024-01-31,5,a,b,\n",
        posted={"1": ("2024-01-31", "5.00")},
    ),
    Shape(
        name="rows that are blank",
        content=ROW + ";;;\nA;1;2024-01-31;5\n ; ;\t;\n\n;;;;;;;\nA;2;2024-01-31;5\n;;;\n",
        file='delimiter = ";"',
        posted={"1": ("2024-01-31", "5.00"), "2": ("2024-01-31", "5.00")},
    ),
    Shape(
        name="codes that a spreadsheet must not take for numbers",
        content=COMMA
        + '="00123",="INV-0007",2024-01-31,="5.00"\n"=""0010""",000123,2024-01-31,5\n',
        posted={"INV-0007": ("2024-01-31", "5.00"), "000123": ("2024-01-31", "5.00")},
        thread="proompteng/bilig#28",
    ),
    Shape(
        name="days, months and years without anything between",
        content=COMMA + "A,1,31012024,5\nA,2,1012024,5\n",
        file='date_formats = ["%d%m%Y"]',
        posted={"1": ("2024-01-31", "5.00")},
        refused={3: "This is not a date written as %d%m%Y."},
    ),
    Shape(
        name="two ways to write dates that do not meet",
        content=COMMA + "A,1,20240131,5\nA,2,31.1.2024,5\n",
        file='date_formats = ["%Y%m%d", "%d.%m.%Y"]',
        posted={"1": ("2024-01-31", "5.00"), "2": ("2024-01-31", "5.00")},
    ),
    Shape(
        name="times that are all midnight",
        content=COMMA + "A,1,2024-01-31 00:00:00,5\nA,2,2024-01-31 23:30:00,5\n",
        file='date_formats = ["%Y-%m-%d 00:00:00"]',
        posted={"1": ("2024-01-31", "5.00")},
        refused={3: "This is not a date"},
    ),
    Shape(
        name="line breaks and delimiters within quotes",
        content=COMMA + '"A","1","2024-01-31","5"\n"B, ""C""\nD",2,2024-01-31,5\n',
        posted={"1": ("2024-01-31", "5.00")},
        refused={3: "This must be 1 to 40 printable characters"},
    ),
    Shape(
        name="totals below the rows, told by their kind",
        content="Kind,Customer,Invoice,Date,Amount\nInvoice,A,1,2024-01-31,5\nTotal,,,,5\n,,,,5\n",
        extra='when = { column = "Kind", values = { Invoice = "yes", Total = "" } }',
        posted={"1": ("2024-01-31", "5.00")},
        passed_over=2,
    ),
    Shape(
        name="a row in utf-8 in an older file",
        content=(COMMA + "Bär,1,2024-01-31,5\n").encode("cp1252") + "Bär,2,2024-01-31,5\n".encode(),
        encoding="windows-1252",
        posted={"1": ("2024-01-31", "5.00")},
        refused={3: "Line 3 is written in utf-8, not in windows-1252: change file.encoding."},
    ),
    Shape(
        name="capitals beside marks, which look like utf-8",
        content=COMMA + "NESTLÉ®,1,2024-01-31,5\nCAFÉ»X,2,2024-01-31,5\n",
        encoding="windows-1252",
        posted={"1": ("2024-01-31", "5.00"), "2": ("2024-01-31", "5.00")},
    ),
]

REFUSED = [
    Shape(
        name="decimal commas, and a mapping for points",
        content=ROW + "A;1;2024-01-31;13,75\nA;2;2024-01-31;1.495,18\n",
        file='delimiter = ";"',
        refused={2: "It must have '.' before decimals", 3: "It must have '.' before decimals"},
        thread="frappe/erpnext#7578, odoo/odoo#14572, emaijala/MLInvoice#160",
    ),
    Shape(
        name="points as group marks, and a mapping for decimals",
        content=ROW + "A;1;31.01.2024;3.000\nA;2;31.01.2024;1.500\nA;3;31.01.2024;1.234\n"
        "A;4;31.01.2024;0.500\nA;5;31.01.2024;1500.000\nA;6;31.01.2024;1.5000\n",
        file=GERMAN.replace('decimal_mark = ","\ngroup_mark = "."', ""),
        posted={
            "4": ("2024-01-31", "0.50"),
            "5": ("2024-01-31", "1500.00"),
            "6": ("2024-01-31", "1.50"),
        },
        refused={
            2: "This amount has three decimals, or is a thousand times as much",
            3: "say by file.decimal_mark and file.group_mark which",
            4: "EUR amounts have at most 2 decimals.",
        },
        thread="firefly-iii/firefly-iii#11325",
    ),
    Shape(
        name="signs of currencies",
        content=COMMA
        + 'A,1,06/08/2022,$46939.721\nA,2,06/08/2022,\u00a3 5\nA,3,06/08/2022," 110.7\u00a0€"\n'
        + "A,4,06/08/2022,EUR 5\n",
        file=AMERICAN,
        refused=dict.fromkeys(range(2, 6), "leave the currency out of it"),
        thread="invoiceninja/invoiceninja#7797, TheAxelander/OpenBudgeteer#82 and #161, "
        "actualbudget/actual#5020",
    ),
    Shape(
        name="amounts below zero, in every spelling",
        content=COMMA
        + "A,1,2024-01-31,-2274\nA,2,2024-01-31,2274.00-\nA,3,2024-01-31,(2274.00)\n"
        + "A,4,2024-01-31,\u2212100.00\n",
        refused=dict.fromkeys(range(2, 6), "A credit note is issued"),
        thread="invoiceninja/invoiceninja#8328, actualbudget/actual#6206, "
        "moneymanagerex/moneymanagerex#5801",
    ),
    Shape(
        name="amounts below zero, with signs of currencies",
        content=ROW + "A;1;28.12.2018;-1.000,00 €\nA;2;28.12.2018;$(0,01)\n",
        file=GERMAN,
        refused=dict.fromkeys((2, 3), "leave the currency out of it"),
        thread="firefly-iii/firefly-iii#1938 and #1087",
    ),
    Shape(
        name="years of two digits, months by name",
        content=COMMA + "A,1,13.03.21,76.00\nA,2,01 NOV 2021,9.99\nA,3,16.01.23,5\nA,4,45292,5\n",
        file='date_formats = ["%d.%m.%Y"]',
        refused=dict.fromkeys(range(2, 6), "This is not a date written as %d.%m.%Y."),
        thread="buckets/application#573, ATM-Consulting/dolibarr_module_bankimport#50",
    ),
    Shape(
        name="months where days are meant",
        content=COMMA + "A,1,31/01/2024,5\n",
        file=AMERICAN,
        refused={2: "This is not a date written as %m/%d/%Y."},
        thread="frappe/erpnext#41701, odoo/documentation#157",
    ),
    Shape(
        name="what a spreadsheet has shortened or could not compute",
        content=COMMA
        + "A,1.23457E+11,2024-01-31,5\nA,2,2024-01-31,1.23E+05\n4.5E+09,3,2024-01-31,5\n"
        + "A,#REF!,2024-01-31,5\n#N/A,5,2024-01-31,5\nA,=A1,2024-01-31,5\nA,7,########,5\n"
        + "'00123,8,2024-01-31,5\n",
        refused={
            2: "A spreadsheet shortened this",
            3: "A spreadsheet shortened it",
            4: "A spreadsheet shortened this",
            **dict.fromkeys((5, 6, 7, 8), "This is a formula of a spreadsheet, or its failure"),
            9: "without the apostrophe",
        },
    ),
    Shape(
        name="totals below the rows",
        content=ROW + "A;1;2024-01-31;5\n;;Total;5\nTotal;;;5\n",
        file='delimiter = ";"',
        posted={"1": ("2024-01-31", "5.00")},
        refused={3: "There is no customer.code", 4: "There is no invoice.reference"},
        thread="buckets/application#300, actualbudget/actual#2950",
    ),
    Shape(
        name="an invoice line by line",
        content=COMMA + "A,1,2024-01-31,5\nA,1,2024-01-31,5\nA,1,2024-01-31,7\n",
        refused={
            2: "Line 3 has the same customer and reference.",
            3: "Line 2 has the same customer and reference.",
            4: "Line 2 has the same customer and reference. Leave one row for each invoice",
        },
        thread="invoiceninja/invoiceninja#4985 and #1140",
    ),
    Shape(
        name="commas too many",
        content=COMMA + "A,1,2024-01-31,5,\nA,2,2024-01-31,1,234.50\nA,3,2024-01-31,5\n",
        posted={"3": ("2024-01-31", "5.00")},
        refused={2: "This row has 5 columns, the header 4.", 3: "This row has 5 columns"},
    ),
    Shape(
        name="an apostrophe of windows, read as another encoding",
        content=b"Customer,Invoice,Date,Amount\nd\x92expertise,1,2024-01-31,5\n",
        encoding="iso-8859-1",
        refused={2: "printable characters"},
        thread="Dolibarr/dolibarr#5413",
    ),
    Shape(
        name="an older encoding, read as utf-8",
        content="Customer,Invoice,Date,Amount\nNuméro,1,2024-01-31,5\n".encode("cp1252"),
        refused={2: "Byte 4 of line 2 is not utf-8."},
        thread="buckets/application#202, odoo/odoo#212493",
    ),
    Shape(
        name="utf-8 in greek, cyrillic and chinese, read as an older encoding",
        content=(
            "Customer,Invoice,Date,Amount\n\u0391\u03b8\u03ae\u03bd\u03b1,1,2024-01-31,5\n\u042e\u0433,2,2024-01-31,5\n"
            "北京,3,2024-01-31,5\nł,4,2024-01-31,5\nO\u2019Hara,5,2024-01-31,5\n"
        ).encode(),
        encoding="windows-1252",
        refused=dict.fromkeys(range(2, 7), "is written in utf-8, not in windows-1252"),
    ),
]

UNUSABLE = [
    Shape(
        name="semicolons, and a mapping for commas",
        content=ROW + "A;1;2024-01-31;5\n",
        unusable="Its header is one column: is that file.delimiter?",
        thread="invoiceninja/invoiceninja#8328, frappe/frappe#37706, OCA/l10n-germany#132",
    ),
    Shape(
        name="utf-16 of a spreadsheet's unicode text",
        content=(ROW.replace(";", "\t") + "A\t1\t2024-01-31\t5\n").encode("utf-16"),
        file='delimiter = "\\t"',
        unusable="The file is written in utf-16: save it as utf-8",
        thread="mayswind/ezbookkeeping#361, odoo/odoo#128381",
    ),
    Shape(
        name="the mark of utf-8, and a mapping for another encoding",
        content=b"\xef\xbb\xbf" + COMMA.encode(),
        encoding="windows-1252",
        unusable="The file begins with the mark of utf-8, the mapping says windows-1252",
    ),
    Shape(
        name="a header in utf-8, and a mapping for another encoding",
        content=(COMMA.replace("\n", ",Straße\n")).encode(),
        encoding="windows-1252",
        unusable="Line 1 is written in utf-8, not in windows-1252",
    ),
    Shape(
        name="lines above the header",
        content='"DKB-Business";"DE..."\n"Kontostand vom ...";"... €"\n""\n' + ROW,
        file='delimiter = ";"',
        unusable="The file has no column 'Customer', 'Invoice', 'Date', 'Amount'.",
        thread="nicolettas-muggelbude/RechnungsFee#398, OCA/bank-statement-import#512",
    ),
    Shape(
        name="a first line for another delimiter",
        content="sep=,\n" + ROW,
        file='delimiter = ";"',
        unusable="Line 1 says that the file is delimited by ','",
    ),
    Shape(
        name="carriage returns alone",
        content=COMMA.replace("\n", "\r") + "A,1,2024-01-31,5\r",
        unusable="a carriage return stands alone",
    ),
    Shape(
        name="a name of a column twice",
        content="Customer,Invoice,Date,Amount,Amount\nA,1,2024-01-31,5,6\n",
        unusable="The header names 'Amount' twice.",
    ),
]
