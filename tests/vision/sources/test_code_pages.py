"""Code pages told from names: each list was written in the page that it is to be read in."""

import random

import pytest

from vision.sources.code_pages import STANDARD, UTF8, guess

NAMES = {
    "cp932": "いちご 桃 靴 帽子 机 自転車 飛行機 不良 検証 キズ テスト 能面",
    "gb18030": "猫 狗 草莓 桃子 帽子 桌子 自行车 飞机 正常 划痕 数据 水果",
    "big5": "草莓 桃子 鞋子 腳踏車 飛機 異常 驗證 刮痕 資料 蔬菜 番茄 玫瑰",
    "cp949": "고양이 강아지 딸기 복숭아 신발 모자 자전거 불량품 데이터 과일 채소 장미",
    "cp866": "клубника Персик виноград обувь Стол велосипед брак тест фрукты ёж",
    "cp1251": "клубника Персик виноград обувь Стол велосипед брак тест фрукты ёж",
    "cp1252": "Kätzchen Süß Tür crêpe hôtel château árbol español avião hjørne blå",
    "cp850": "Kätzchen limão avião cão hjørne maçã coração pão",
}


@pytest.mark.parametrize("page", NAMES)
def test_the_names_of_a_set_are_read_right_in_any_order(page):
    names = NAMES[page].split()
    encoded = [name.encode(page) for name in names]
    guessed, _ = guess(encoded)
    read = [f"{name}/1.jpg".encode(page).decode(guessed) for name in names]
    assert read == [f"{name}/1.jpg" for name in names]
    random.Random(0).shuffle(encoded)
    assert guess(encoded)[0] == guessed


def test_names_that_are_likely_in_none_are_read_as_the_standard_says():
    assert guess([b"\xb0\xb1\xb2.jpg", b"\xff\xb3"]) == (STANDARD, False)


@pytest.mark.parametrize("label", ["猫", "牛"])
def test_one_name_that_happens_to_be_utf8_too_is_read_in_the_likelier_page(label):
    """In UTF-8 these are a lone letter with an accent, or one of another script."""
    name = f"{label}/1.jpg".encode("gbk")
    assert name.decode("utf-8")
    assert guess([name]) == ("gb18030", False)


@pytest.mark.parametrize(
    "name",
    ["kätzchen", "ka\u0308tzchen", "řeka", "žena", "кот", "γη", "猫", "20°C", "5 µm", "\U0001f431"],
)
def test_a_name_in_utf8_that_is_a_word_there_is_certain(name):
    assert guess([f"{name}/1.jpg".encode()]) == (UTF8, True)


def test_many_different_bytes_in_utf8_are_certain_whatever_they_mean():
    assert guess(f"{letter}/1.jpg".encode() for letter in "éèàç") == (UTF8, True)
