import pytest

from tests.files import write_files, write_tar, write_zip, zipped
from vision.runtime.errors import UserError
from vision.sources.entries import Bounds, entries

BOUNDS = Bounds(1000, 1)


def names(source, scratch, bounds=BOUNDS):
    return [entry.name for entry in entries(source, scratch, bounds) if entry.open]


def test_archives_in_the_folder_and_train_archives_below_are_opened(tmp_path):
    pictures = zipped({"cat.0.jpg": b"c"})
    source = write_files(
        tmp_path / "source",
        {"b/train.zip": pictures, "b/test1.zip": pictures, "c/0.jpg": b"x", "pairs.zip": pictures},
    )
    write_zip(source / "k.zip", {"train.zip": pictures, "test1.zip": pictures, "s.csv": b""})
    assert names(source, tmp_path) == [
        "b/test1.zip",
        "b/train.zip/cat.0.jpg",
        "c/0.jpg",
        "k.zip/train.zip/cat.0.jpg",
        "k.zip/test1.zip",
        "k.zip/s.csv",
        "pairs.zip/cat.0.jpg",
    ]


def test_a_train_archive_is_not_opened_within_another_without_end(tmp_path):
    data = zipped({"train.zip": zipped({"train.zip": b"anything"})})
    source = write_files(tmp_path / "source", {"a.zip": data})
    assert names(source, tmp_path) == ["a.zip/train.zip/train.zip"]


def test_linked_files_are_followed(tmp_path):
    away = write_files(tmp_path / "away", {"0.jpg": b"x"})
    archive = write_zip(tmp_path / "dogs.zip", {"dog/0.jpg": b"y"})
    source = write_files(tmp_path / "source", {"cat/1.jpg": b"z"})
    (source / "cat" / "0.jpg").symlink_to(away / "0.jpg")
    (source / "pictures.zip").symlink_to(archive)
    assert names(source, tmp_path) == ["cat/0.jpg", "cat/1.jpg", "pictures.zip/dog/0.jpg"]


def test_linked_folders_are_not_entered(tmp_path):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x"})
    (source / "cat" / "link").symlink_to("..")
    with pytest.raises(UserError, match=r"cat/link: neither files nor folders"):
        names(source, tmp_path)


def test_names_on_disk_are_composed(tmp_path):
    """So that a class from a Mac and one from elsewhere are one."""
    source = write_files(tmp_path / "source", {"a/caf\u00e9/0.jpg": b"", "b/cafe\u0301/1.jpg": b""})
    assert names(source, tmp_path) == ["a/caf\u00e9/0.jpg", "b/caf\u00e9/1.jpg"]


def test_names_in_one_folder_that_composing_makes_one_are_refused_all_at_once(tmp_path):
    files = ("caf\u00e9/0.jpg", "cafe\u0301/1.jpg", "x/\u00e4.jpg", "x/a\u0308.jpg")
    source = write_files(tmp_path / "source", dict.fromkeys(files, b""))
    with pytest.raises(UserError, match="differ only in how accents") as error:
        names(source, tmp_path)
    for name in ("caf\\xe9", "cafe\\u0301", "\\xe4.jpg", "a\\u0308.jpg"):
        assert name in str(error.value)


@pytest.mark.parametrize("bounds", [Bounds(1, 1), Bounds(1000, 9e-9)], ids=["files", "bytes"])
@pytest.mark.parametrize("pack", [write_zip, write_tar])
def test_what_unfolds_beyond_the_bounds_is_refused(tmp_path, bounds, pack):
    archive = pack(tmp_path / f"a.{pack.__name__[-3:]}", {"0.jpg": b"12345", "1.jpg": b"12345"})
    with pytest.raises(UserError, match=r"goes beyond the .*download\.max_files"):
        names(archive, tmp_path, bounds)
    assert len(names(archive, tmp_path, Bounds(2, 10e-9))) == 2


def test_the_bounds_hold_for_all_archives_and_folders_together(tmp_path):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"12345"})
    write_zip(source / "a.zip", {"dog/0.jpg": b"12345"})
    assert len(names(source, tmp_path, Bounds(3, 10e-9))) == 2  # the folder is the third
    for bounds in (Bounds(2, 1), Bounds(1000, 9e-9)):
        with pytest.raises(UserError, match="goes beyond"):
            names(source, tmp_path, bounds)
    inner = write_zip(tmp_path / "b.zip", {"train.zip": bytes(10)})
    with pytest.raises(UserError, match=r"train\.zip goes beyond"):  # and is not even copied
        names(inner, tmp_path, Bounds(1000, 9e-9))


def test_inner_archives_count_towards_the_bounds_though_nothing_is_in_them(tmp_path):
    """A zip may begin with anything: here each inner one is a thousand zeros, and no file."""
    inner = bytes(1000) + zipped({})
    archive = write_zip(tmp_path / "a.zip", {f"{n}/train.zip": inner for n in range(5)})
    with pytest.raises(UserError, match=r"4/train\.zip goes beyond"):
        names(archive, tmp_path, Bounds(1000, 5e-6))


@pytest.mark.parametrize("name", ["train.tar", "train.tgz"])
def test_a_tar_in_an_archive_is_opened(tmp_path, name):
    inner = write_tar(tmp_path / name, {"cat.0.jpg": b"c"}, "w:gz" if "gz" in name else "w")
    archive = write_zip(tmp_path / "a.zip", {name: inner.read_bytes()})
    assert names(archive, tmp_path) == [f"a.zip/{name}/cat.0.jpg"]


# --- archives that cannot be read ---


def refusal(source, scratch):
    with pytest.raises(UserError) as error:
        names(source, scratch)
    return str(error.value)


JPEG = b"\xff\xd8\xff\xe0"
SEVENZIP, RAR = b"7z\xbc\xaf\x27\x1c\0\4", b"Rar!\x1a\7\1\0"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.7z", SEVENZIP, "a.7z is a 7z archive"),
        ("a.zip", SEVENZIP, "a.zip is a 7z archive"),
        ("a.tar.gz", RAR, "a.tar.gz is a RAR archive"),
        ("pictures", RAR, "pictures is a RAR archive"),
        ("a.RAR", b"anything", "a.RAR is a RAR archive"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        ("a.tar.lz", b"LZIP", "compressed by lzip"),
        ("a.tar.Z", b"\x1f\x9d", "compressed by compress"),
        ("pets.tar.br", b"?", "pets.tar.br is compressed by brotli"),
        ("a.gz", b"\x1f\x8b", "if it is a tar, call it .tar.gz"),
        ("a.z01", b"PK\7\x08", "`zip -s 0 a.zip --out whole.zip`"),
        ("a b.zip.001", b"PK\3\4", "`cat 'a b.zip'.* > 'a b.zip'`"),
        ("a.tar.gz.aa", b"\x1f\x8b", "`cat a.tar.gz.* > a.tar.gz`"),
        ("a.7z.001", SEVENZIP, "a part of a split archive, which cannot be read here; unpack it"),
        ("a.part1.rar", RAR, "a part of a split RAR archive"),
        ("a.r00", RAR, "a part of a split RAR archive"),
        ("b/train.7z", SEVENZIP, "b/train.7z is a 7z archive"),
        ("a.rar", b"PK\3\4", "a zip by another name, which cannot be read here; let its name end"),
        ("pets", b"PK\3\4", "pets is a zip by another name"),
        ("pets.cbz", b"PK\3\4", "pets.cbz is a zip by another name"),
        ("cat.zip.1", b"PK\3\4", "cat.zip.1 is a zip by another name"),
        (
            "pets.exe",
            b"MZ" + zipped({"cat/0.jpg": b""}),
            "a zip that unpacks itself by another name",
        ),
        ("a/pets", bytes(257) + b"ustar", "a/pets is a tar by another name"),
        ("cat.zip.crdownload", b"PK\3\4", "let its name end in .zip"),
        ("cow/cat.zip.part", b"", "cat.zip.part is an unfinished download"),
        ("cow/more.zip", b"", "cow/more.zip is an archive within a folder or another one"),
        ("cow/more.7z", SEVENZIP, "cow/more.7z is a 7z archive"),
        ("cat/1", JPEG, "cat/1 is a picture by another name, which cannot be read here; let its"),
        ("cat/1.jpg?width=3", JPEG, "let its name end in .jpg"),
        ("cat/x.jpg_large", JPEG, "let its name end in .jpg"),
        ("cat/9.jpg ", JPEG, "'cat/9.jpg ' is a picture by another name"),
        ("cat/1", b"RIFF\0\0\0\0WEBP", "let its name end in .webp"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_kind(tmp_path, name, data, said):
    source = write_files(tmp_path / "source", {"cat/0.jpg": b"x", name: data})
    assert said in refusal(source, tmp_path)


def test_files_that_only_look_like_such_ones_are_passed_over(tmp_path):
    files = {"sheet.xlsx": b"PK\3\4", "0.jpg": RAR, "notes.ab": b"text", "b/test.7z": SEVENZIP}
    files |= dict.fromkeys(("._cats.zip", "b/._cats.zip"), b"\0\5\x16\7")
    files |= {"b/labels.csv.gz": b"\x1f\x8b", "b/notes": b"JPEG", "b/.hidden": JPEG}
    assert set(names(write_files(tmp_path / "source", files), tmp_path)) == set(files)


def test_all_that_cannot_be_read_are_named_at_once_those_of_a_kind_together(tmp_path):
    members = {"cat.zip": b"", "dog.zip": b"", "cow/0.jpg": b"", "__MACOSX/._cat.zip": b""}
    said = refusal(write_zip(tmp_path / "all.zip", members), tmp_path)
    assert said.startswith("all.zip/cat.zip, all.zip/dog.zip are each an archive within")
    assert said.endswith("unpack what is in it, or take it away")
    files = {"cat.rar": RAR, "dog.rar": RAR, "bird.7z": SEVENZIP}
    said = refusal(write_files(tmp_path / "source", files), tmp_path)
    assert "cat.rar, dog.rar are each a RAR archive" in said
    assert "bird.7z is a 7z archive" in said
    inner = write_zip(tmp_path / "k.zip", {"train.7z": SEVENZIP, "test.7z": SEVENZIP})
    assert "k.zip/train.7z is a 7z archive" in refusal(inner, tmp_path)


def changed(path, magic, offset, new):
    """Overwrite bytes after the start of a record of a zip."""
    data = bytearray(path.read_bytes())
    at = data.rindex(magic) + offset
    data[at : at + len(new)] = new
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("method", "said"),
    [(9, "Deflate64 (method 9)"), (93, "Zstandard"), (77, "unknown (method 77)")],
)
def test_ways_to_pack_that_are_not_known_are_named_of_all_archives_at_once(tmp_path, method, said):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("cat.zip", "dog.zip"):
        write_zip(source / name, {"0.jpg": b"x"})
        changed(source / name, b"PK\1\2", 10, bytes([method]))
    assert f"cat.zip, dog.zip are each a zip packed by {said}" in refusal(source, tmp_path)


def test_the_last_part_of_a_split_zip_is_known_by_its_last_record(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"cat/0.jpg": b"x"})
    changed(archive, b"PK\5\6", 4, b"\2\0\2\0")
    assert "a.zip is a part of a split zip" in refusal(archive, tmp_path)
    (tmp_path / "source").mkdir()
    archive.rename(tmp_path / "source" / "a.zip")
    write_files(tmp_path / "source", {"a.z01": b"", "a.z02": b""})
    said = refusal(tmp_path / "source", tmp_path)
    assert "a.z01, a.z02, a.zip are each a part of a split zip" in said
    assert said.count("zip -s 0 a.zip") == 1
