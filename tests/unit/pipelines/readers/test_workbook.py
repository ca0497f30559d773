import zipfile
from datetime import date, datetime

import msoffcrypto.format.ooxml
import openpyxl
import pytest
import shapely
import xlwt

from layers import features, networks
from layers.conform import conform
from pipelines import reading
from pipelines.readers import workbook
from pipelines.readers.reader import Options
from pipelines.readers.tables import sheet
from pipelines.readers.tables.sheet_table import tabled
from pipelines.readers.tables.sheets import sheets
from pipelines.reading import Request
from twin.errors import InvalidParameter, MissingPart, TooLarge, UnknownCRS, UnreadableFile, UnsafeContent
from twin.place import to_crs84

PLAIN = [["点号", "经度", "纬度"], ["a", 117.5, 37.5], ["b", 117.6, 37.6]]


@pytest.fixture
def write(tmp_path):
    """Write sheets (name -> rows) as .xlsx, with what `also` does to the workbook."""

    def put(tables, also=lambda _: None, name="f.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in tables.items():
            page = book.create_sheet(title)
            for row in rows:
                page.append(row)
        also(book)
        book.save(tmp_path / name)
        return tmp_path / name

    return put


def merged(*ranges, sheet=0):
    return lambda book: [book.worksheets[sheet].merge_cells(r) for r in ranges]


def read(path, kind=features.KIND, **options):
    out = {}
    for part in workbook.read((path,), Options(**options)):
        batches = [conform(to_crs84(b), kind, nodata=options.get("nodata")) for b in part.batches]
        rows = [row for b in batches for row in b.table.to_pylist()]
        rejected = {r.row: r.reason for b in batches for r in b.rejected}
        assert part.rows == len(rows) + len(rejected)
        out[part.name] = (rows, rejected, [*part.notes, *(n for b in batches for n in b.notes)])
    return out


def place(row):
    shape = shapely.from_wkb(row["geom"])
    return round(shape.x, 6), round(shape.y, 6)


def test_a_plain_sheet_is_the_main_part_and_its_rows_have_the_sheets_numbers(write):
    (rows, rejected, _) = read(write({"管点": PLAIN}))[""]
    assert [(r["点号"], r["row"], place(r)) for r in rows] == [
        ("a", 2, (117.5, 37.5)),
        ("b", 3, (117.6, 37.6)),
    ]
    assert not rejected


def test_titles_remarks_and_merged_headers_of_three_levels_make_names(write):
    rows = [
        ["给水管线点成果表"],
        ["单位：某测绘院", None, None, None, None, "2024-05-01"],
        ["点号", "位置", None, None, "埋深\n(m)", "备 注"],
        [None, "坐标", None, "高程(m)"],
        [None, "经度", "纬度"],
        ["a", 117.5, 37.5, 3.25, 1.5, "x"],
    ]
    also = merged("A1:F1", "A3:A5", "B3:D3", "B4:C4", "D4:D5", "E3:E5", "F3:F5")
    table = tabled(next(sheets(write({"管点": rows}, also))))
    assert table.table.column_names == [
        "点号",
        "位置_坐标_经度",
        "位置_坐标_纬度",
        "位置_高程(m)",
        "埋深(m)",
        "备注",
        "row",
    ]
    assert table.cell(6, "埋深(m)") == "管点!E6"
    (done, _, _) = read(write({"管点": rows}, also))[""]
    assert (place(done[0]), done[0]["row"]) == ((117.5, 37.5), 6)


def test_a_row_of_units_and_a_row_that_numbers_the_columns_are_no_records(write):
    rows = [["点号", "经度", "纬度", "埋深"], [None, "°", "°", "cm"], [1, 2, 3, 4], ["a", 117.5, 37.5, 150]]
    (done, rejected, notes) = read(write({"s": rows}), networks.KIND)[""]
    assert (len(done), rejected) == (1, {})
    assert done[0]["depth"] == pytest.approx(1.5)
    assert any("only numbers the columns" in n for n in notes)
    assert any("turned into m" in n for n in notes)


def test_blank_columns_go_and_columns_without_a_name_stay_when_they_hold_something(write):
    rows = [["点号", None, "经度", "纬度", None], ["a", None, 117.5, 37.5, "说明"]]
    (done, _, _) = read(write({"s": rows}))[""]
    assert done[0]["column_E"] == "说明"
    assert "column_B" not in done[0]


def test_each_sheet_is_a_part_and_what_was_left_out_is_told(write):
    tables = {"管点": PLAIN, "管线": PLAIN, "空": [], "说明": [["项目", "值"], ["a", "b"]], "旧": PLAIN}

    def hide(book):
        book["旧"].sheet_state = "veryHidden"
        book.create_chartsheet("图")

    found = read(write(tables, hide))
    assert set(found) == {"管点", "管线"}
    notes = found["管点"][2]
    assert any("旧 is hidden" in n for n in notes)
    assert any("说明" in n and "no columns for longitude" in n for n in notes)
    assert not any("空" in n for n in notes)


def test_a_workbook_without_coordinates_names_the_columns_of_each_sheet(write):
    with pytest.raises(MissingPart, match="项目, 值"):
        read(write({"说明": [["项目", "值"], ["a", "b"]]}))
    with pytest.raises(MissingPart, match="no sheet holds anything"):
        read(write({"空": []}))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        ("117°58'12.3\"", "37°29'0\""),
        ("117度58分12.3秒", "37度29分"),
        ("117°58′12.3″", "37°29′"),
        ("E117°58'12.3''", "N37°29'00''"),
        ("东经117°58′12.3″", "37.48333333333333°N"),
        ("１１７°５８′１２.３″", "37:29:0"),
        ("117.97008333333333", "３７．４８３３３３３３３３３３３３３"),
    ],
)
def test_degrees_minutes_and_seconds_and_wide_digits_are_read(write, lon, lat):
    (rows, rejected, _) = read(write({"s": [["编号", "经度", "纬度"], ["a", lon, lat]]}))[""]
    assert not rejected
    assert place(rows[0]) == (round(117 + 58 / 60 + 12.3 / 3600, 6), round(37 + 29 / 60, 6))


def test_impossible_minutes_are_refused_in_their_cell(write):
    path = write(
        {"管点": [["编号", "经度", "纬度"], ["a", "117°68'12.3\"", "37°29'0\""], ["b", 117.5, 37.5]]}
    )
    (part,) = reading.prepare(Request(paths=(str(path),), layer="p"))
    (batch,) = part.batches
    assert [r.row for r in batch.rejected] == [2]
    assert batch.rejected[0].column == "经度"
    assert "管点!B2" in batch.rejected[0].reason


def test_x_is_north_where_only_so_the_numbers_fit_the_crs(write):
    path = write({"s": [["编号", "X", "Y"], ["a", 4180000.0, 500000.0]]})
    (rows, _, notes) = read(path, crs="EPSG:4548")[""]
    assert place(rows[0])[0] == 117.0
    assert any("x is the northing" in n for n in notes)
    with pytest.raises(UnknownCRS, match="--crs"):
        read(path)


def test_x_and_y_that_fit_either_way_are_an_error_that_says_what_to_say(write):
    path = write({"s": [["编号", "X", "Y"], ["a", 410000.0, 590000.0]]})
    local = "+proj=tmerc +lon_0=117 +x_0=500000 +ellps=GRS80 +type=crs"
    with pytest.raises(InvalidParameter, match="--column"):
        read(path, crs=local)
    (rows, _, _) = read(path, crs=local, columns={"x": "Y", "y": "X"})[""]
    assert place(rows[0])[0] > 117


def test_zone_numbers_must_be_those_of_the_crs(write):
    rows = [["编号", "横坐标", "纵坐标"], ["a", 39500000.0, 4180000.0], ["b", 38500000.0, 4180000.0]]
    (done, rejected, notes) = read(write({"s": [*rows, ["c", 39500001.0, 4180000.0]]}), crs="EPSG:4548")[""]
    assert [r["编号"] for r in done] == ["a", "c"]
    assert "zone number 38" in rejected[3]
    assert any("zone number, 39" in n for n in notes)


def test_errors_and_uncomputed_formulas_refuse_their_rows_by_the_cell(write):
    def spoil(book):
        page = book.active
        page["D2"], page["D3"] = "=1+1", "#N/A"
        page["D3"].data_type = "e"
        page["D4"] = '="x"&"y"'

    rows = [
        ["编号", "经度", "纬度", "权属"],
        ["a", 117.5, 37.5],
        ["b", 117.5, 37.5],
        ["c", 117.5, 37.5],
        ["d", 117, 37, "甲"],
    ]
    path = write({"管点": rows}, spoil)
    (done, rejected, _) = read(path)[""]
    assert [r["编号"] for r in done] == ["d"]
    assert rejected[2].startswith("管点!D2: a formula without a stored value")
    assert rejected[3].startswith("管点!D3: #N/A is an error")
    (done, rejected, _) = read(path, nodata={"权属": "#N/A"})[""]
    assert [(r["编号"], r["权属"]) for r in done] == [("b", None), ("d", "甲")]
    assert set(rejected) == {2, 4}


def computed(path, cells):
    """The workbook with values stored beside its formulas, as a program that computes them stores them."""
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    text = members["xl/worksheets/sheet1.xml"].decode()
    for name, (kind, value) in cells.items():
        head, _, rest = text.partition(f'<c r="{name}"')
        body, _, tail = rest.partition("</c>")
        formula = body[body.index("<f>") : body.index("</f>") + 4]
        text = f'{head}<c r="{name}" t="{kind}">{formula}<v>{value}</v></c>{tail}'
    members["xl/worksheets/sheet1.xml"] = text.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_formulas_give_their_stored_values_and_an_empty_text_is_no_fault(write):
    rows = [["编号", "经度", "纬度", "备注"], ["a", "=100+17.5", 37.5, '=IF(1,"","x")']]
    path = computed(write({"s": rows}), {"B2": ("n", "117.5"), "D2": ("str", "")})
    (done, rejected, _) = read(path)[""]
    assert not rejected
    assert (place(done[0]), done[0].get("备注")) == ((117.5, 37.5), None)


def test_dates_text_numbers_and_codes_keep_what_they_are(write):
    rows = [
        ["编号", "经度", "纬度", "敷设日期", "年份", "代码", "测量"],
        ["a", 117.5, 37.5, date(2021, 5, 1), "２０２１", "0543", datetime(2021, 5, 1, 8, 30)],  # noqa: DTZ001  a workbook knows no zones
        ["b", 117.5, 37.5, date(2021, 5, 2), 2022, 17, None],
    ]
    (done, _, _) = read(write({"s": rows}))[""]
    assert [(r["敷设日期"], r["年份"], r["代码"]) for r in done] == [
        (date(2021, 5, 1), 2021, "0543"),
        (date(2021, 5, 2), 2022, "17"),
    ]
    assert done[0]["测量"] == "2021-05-01 08:30:00"


def test_a_date_among_words_is_told_with_its_cell(write):
    rows = [["编号", "经度", "纬度", "楼号"], ["a", 117.5, 37.5, "3-1"], ["b", 117.5, 37.5, date(2024, 1, 2)]]
    assert any("s!D3 holds a date among words" in n for n in read(write({"s": rows}))[""][2])


def test_merged_cells_of_the_body_hold_for_each_of_their_rows_and_say_so(write):
    rows = [
        ["编号", "经度", "纬度", "道路", "备注"],
        ["a", 117.5, 37.5, "中心大街", "x"],
        ["b", 117.6, 37.5],
        ["c", 117.7, 37.5, "海丰路"],
    ]
    (done, _, notes) = read(write({"s": rows}, merged("D2:D3", "D4:E4")))[""]
    assert [r["道路"] for r in done] == ["中心大街", "中心大街", "海丰路"]
    assert [r["备注"] for r in done] == ["x", None, None]
    assert any("D2:D3" in n for n in notes)
    assert any("over columns" in n and "D4:E4" in n for n in notes)


def test_totals_and_signatures_are_no_records_and_are_told(write):
    rows = [*PLAIN, ["合 计", None, None], ["制表：张三", None, None]]
    (done, rejected, notes) = read(write({"s": rows}))[""]
    assert (len(done), rejected) == (2, {})
    assert [n for n in notes if "no record" in n] == [
        "s: row 4 (合计) is no record; it was left out",
        "s: row 5 (制表：张三) is no record; it was left out",
    ]


def test_a_sheet_without_a_header_says_which_cell_was_looked_at(write):
    with pytest.raises(MissingPart, match=r"s!B1 holds '117.5' where a header was expected"):
        read(write({"s": [["a", 117.5, 37.5], ["b", 117.6, 37.6]]}))


def old(tmp_path, name="f.xls"):
    book = xlwt.Workbook(encoding="utf-8")
    page = book.add_sheet("管点")
    page.write_merge(0, 1, 0, 0, "点号")
    page.write_merge(0, 0, 1, 2, "坐标")
    page.write(1, 1, "经度")
    page.write(1, 2, "纬度")
    page.write_merge(0, 1, 3, 3, "日期")
    for i, day in enumerate((date(2021, 5, 1), date(2021, 5, 2))):
        page.write(2 + i, 0, f"JS{i}")
        page.write(2 + i, 1, 117.5)
        page.write(2 + i, 2, 37.5)
        page.write(2 + i, 3, day, xlwt.easyxf(num_format_str="YYYY-MM-DD"))
    page.row(4).set_cell_error(0, "#REF!")
    page.write(4, 1, 117.5)
    book.add_sheet("旧").visibility = 1
    book.save(str(tmp_path / name))
    return tmp_path / name


@pytest.mark.parametrize("name", ["f.xls", "f.et", "f.xlsx"])
def test_the_old_format_is_read_whatever_its_suffix(tmp_path, name):
    (done, rejected, notes) = read(old(tmp_path, name))[""]
    assert [(r["点号"], place(r), r["日期"]) for r in done] == [
        ("JS0", (117.5, 37.5), date(2021, 5, 1)),
        ("JS1", (117.5, 37.5), date(2021, 5, 2)),
    ]
    assert rejected[5].startswith("管点!A5: #REF!")
    assert any("旧 is hidden" in n for n in notes)


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">
<office:body><office:spreadsheet><table:table table:name="管点">{rows}</table:table></office:spreadsheet></office:body>
</office:document-content>"""


def ods(tmp_path, rows):
    cells = "".join(f"<table:table-row{a}>{''.join(cs)}</table:table-row>" for a, cs in rows)
    with zipfile.ZipFile(tmp_path / "f.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.format(rows=cells))
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return tmp_path / "f.ods"


def words(text, more=""):
    return f'<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p></table:table-cell>'


def number(value, more=""):
    said = f'office:value-type="float" office:value="{value}"{more}'
    return f"<table:table-cell {said}><text:p>{value}</text:p></table:table-cell>"


def test_open_document_has_merged_headers_and_errors_too(tmp_path):
    path = ods(
        tmp_path,
        [
            (
                "",
                [
                    words("点号", ' table:number-rows-spanned="2"'),
                    words("坐标", ' table:number-columns-spanned="2"'),
                    "<table:covered-table-cell/>",
                ],
            ),
            ("", ["<table:covered-table-cell/>", words("经度"), words("纬度")]),
            ("", [words("a"), number(117.5), number(37.5)]),
            ("", [words("b"), number(117.5), words("#N/A", ' calcext:value-type="error"')]),
            (
                ' table:number-rows-repeated="1048570"',
                ['<table:table-cell table:number-columns-repeated="16384"/>'],
            ),
        ],
    )
    (done, rejected, _) = read(path)[""]
    assert [(r["点号"], r["row"], place(r)) for r in done] == [("a", 3, (117.5, 37.5))]
    assert rejected[4].startswith("管点!C4")


def test_a_value_repeated_over_a_million_rows_is_refused_before_it_is_held(tmp_path):
    bomb = number(1, ' table:number-columns-repeated="16384"')
    with pytest.raises(TooLarge, match="17,179,869,184"):
        read(ods(tmp_path, [(' table:number-rows-repeated="1048576"', [bomb])]))


def test_a_stray_cell_in_the_last_corner_is_refused_before_it_is_held(write):
    def stray(book):
        book.active.cell(1_048_576, 16_384, "x")

    with pytest.raises(TooLarge, match=r"XFD1048576.*delete what lies astray"):
        read(write({"s": PLAIN}, stray))


def test_three_rows_in_a_sheet_that_declares_a_million_are_three_rows(write):
    def declare(book):
        book.active.row_dimensions[1_048_576].height = 20
        book.active.cell(1_048_576, 3).number_format = "0.00"

    path = write({"s": PLAIN}, declare)
    assert len(read(path)[""][0]) == 2


def test_merged_cells_over_everything_are_refused(write, monkeypatch):
    monkeypatch.setattr(sheet, "MERGED", 1000)
    with pytest.raises(TooLarge, match="merged cells"):
        read(write({"s": PLAIN}, merged("A10:Z1000")))


def test_a_workbook_that_unpacks_to_too_much_is_refused_unopened(write, monkeypatch):
    from pipelines.readers.tables import sheets_packed

    monkeypatch.setattr(sheets_packed, "BYTES", 1000)
    with pytest.raises(TooLarge, match="limit is 1000"):
        read(write({"s": PLAIN}))


def test_a_password_is_named(write, tmp_path):
    plain = write({"s": PLAIN})
    locked = tmp_path / "locked.xlsx"
    with plain.open("rb") as source, locked.open("wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(source).encrypt("1234", out)
    with pytest.raises(UnreadableFile, match="password"):
        read(locked)


def test_a_password_in_the_old_format_is_named(tmp_path):
    path = old(tmp_path)
    raw = path.read_bytes()
    # WINDOWPROTECT of two bytes becomes FILEPASS (MS-XLS 2.4.117).
    at = raw.index(bytes.fromhex("19000200"))
    path.write_bytes(raw[:at] + b"\x2f" + raw[at + 1 :])
    with pytest.raises(UnreadableFile, match="password"):
        read(path)


@pytest.mark.parametrize(("keep", "name"), [(0.5, "f.xlsx"), (0.9, "f.xlsx"), (0.2, "f.xls"), (0.5, "f.xls")])
def test_a_truncated_workbook_is_unreadable(write, tmp_path, keep, name):
    path = write({"s": PLAIN}) if name == "f.xlsx" else old(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(UnreadableFile):
        read(path)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("点号,经度,纬度\n", ".csv"),
        ("<html><table>", "web page"),
        ('<?xml version="1.0"?><Workbook>', "XML"),
        ("", "beginning"),
    ],
)
def test_what_only_bears_the_name_says_what_it_is(tmp_path, text, hint):
    path = tmp_path / "f.xls"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=hint):
        read(path)


def test_a_doctype_in_a_sheet_is_refused(write):
    path = write({"s": PLAIN})
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    sheet1 = members["xl/worksheets/sheet1.xml"]
    members["xl/worksheets/sheet1.xml"] = (
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + sheet1[sheet1.index(b"<worksheet") :]
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(UnsafeContent, match="DOCTYPE"):
        read(path)


def test_refusals_of_a_kind_name_the_cell_too(write):
    path = write({"管点": [["编号", "经度", "纬度", "高度"], ["a", 117.5, 37.5, "12m"]]})
    (part,) = reading.prepare(
        Request(paths=(str(path),), layer="b", columns={"height": "高度"}, kind="sensors")
    )
    assert part.layer.kind == "sensors"
    (part,) = reading.prepare(
        Request(paths=(str(path),), layer="n", kind="networks", columns={"depth": "高度"})
    )
    (batch,) = part.batches
    assert batch.rejected[0].reason.startswith("管点!D2: 高度")


def test_what_is_said_of_columns_holds_for_every_sheet_that_has_them(write):
    other = [["代号", "经度", "纬度"], ["x", 117.5, 37.5]]
    path = write({"管点": [["编码", "经度", "纬度"], ["a", 117.5, 37.5]], "管线": other})
    found = {}
    for part in reading.prepare(Request(paths=(str(path),), layer="p", columns={"id": "编码"})):
        (batch,) = part.batches
        found[part.layer.id] = (batch.table["id"].to_pylist(), part.delivery.notes)
    assert found["p_管点"][0] == ["a"]
    assert found["p_管线"][0] != ["x"]
    assert any("no column 编码 here" in n for n in found["p_管线"][1])
