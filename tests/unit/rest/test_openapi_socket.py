import re

from voicehub.rest import openapi_socket

ERRORS = ("400", "401", "403", "404", "409", "429", "502", "503")


def test_it_answers_an_upgrade_and_every_refusal_before_it():
    answers = openapi_socket.operation([])["responses"]
    assert set(answers) == {"101", *ERRORS, "426"}


def test_its_errors_have_openais_shape():
    answers = openapi_socket.operation([])["responses"]
    assert answers["404"] == {"$ref": "#/components/responses/RealtimeError404"}


def test_it_tells_of_every_close_code():
    told = openapi_socket.operation([])["description"]
    assert set(re.findall(r"\b1\d{3}\b", told)) == {
        *("1000", "1001", "1008", "1009", "1011", "1012", "1013"),
    }
