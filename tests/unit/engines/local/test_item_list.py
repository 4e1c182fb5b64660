import pytest

from voicehub.engines.local import item_list
from voicehub.engines.local.item_list import ItemList
from voicehub.engines.local.items import Item, Part
from voicehub.errors import ClientError


def text_item(item_id, text="x", status="completed"):
    return Item(item_id, status=status, content=[Part("input_text", text)])


def test_items_keep_the_order_that_they_are_put_in():
    items = ItemList()
    assert items.append(text_item("b")) is None
    assert items.append(text_item("d")) == "b"
    items.insert_after(text_item("a"), None)
    items.insert_after(text_item("c"), "b")
    assert [item.id for item in items] == ["a", "b", "c", "d"]
    assert items.previous_id(items.find("a", "x")) is None
    assert items.previous_id(items.find("d", "x")) == "c"
    assert len(items) == 4


def test_an_unknown_item_is_an_error_with_the_code_of_its_event():
    with pytest.raises(ClientError) as refusal:
        ItemList().find("a", "item_retrieve_invalid_item_id")
    assert refusal.value.code == "item_retrieve_invalid_item_id"


def test_too_many_items_push_out_the_oldest_finished_ones(monkeypatch):
    monkeypatch.setattr(item_list, "ITEMS_MAX", 3)
    items = ItemList()
    items.append(text_item("a", status="in_progress"))
    for name in "bcde":
        items.append(text_item(name))
    assert [item.id for item in items.surplus()] == ["b", "c"]


def test_too_much_text_pushes_out_the_oldest(monkeypatch):
    monkeypatch.setattr(item_list, "TEXT_BYTES_MAX", 10)
    items = ItemList()
    for name in "abc":
        items.append(text_item(name, "12345"))
    surplus = items.surplus()
    assert [item.id for item in surplus] == ["a"]
    items.remove(surplus[0])
    assert items.surplus() == []
