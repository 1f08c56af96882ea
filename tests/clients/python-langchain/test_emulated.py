"""langchain-aws straight against `outcrop emulate`: Converse, InvokeModel and embeddings, signatures verified."""

import boto3
import pytest
from emulated import CLAUDE, NOVA, Emulated
from langchain_aws import BedrockEmbeddings, ChatBedrock, ChatBedrockConverse
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from material import LONG_PHRASE, PHRASE, TOOL_RESULT, repeat
from pydantic import BaseModel

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


class City(BaseModel):
    """A city"""

    name: str
    population: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city"""
    return f"{TOOL_RESULT}: {city}"


@pytest.fixture
def clients(emulated: Emulated) -> dict:
    keys = emulated.keys()
    return {"client": boto3.client("bedrock-runtime", **keys), "bedrock_client": boto3.client("bedrock", **keys)}


@pytest.fixture(params=["converse", "invoke"])
def make(request, clients):
    """Makes the chat model that calls Converse, or InvokeModel with Claude's own body."""

    def make(**more):
        if request.param == "converse":
            fields = more.pop("thinking", None)
            return ChatBedrockConverse(
                model=CLAUDE, max_tokens=4000, additional_model_request_fields=fields, **clients, **more
            )
        fields = more.pop("thinking", None) or {}
        return ChatBedrock(model=CLAUDE, model_kwargs={"max_tokens": 4000, **fields}, **clients, **more)

    return make


def test_chats_and_streams(make):
    answer = make().invoke(repeat(PHRASE))
    assert answer.text == PHRASE
    assert answer.usage_metadata["output_tokens"] > 0
    pieces = [piece.text for piece in make().stream(repeat(LONG_PHRASE))]
    assert "".join(pieces) == LONG_PHRASE
    assert len(pieces) > 2


def test_calls_a_tool_and_takes_its_result(make):
    model = make().bind_tools([get_weather])
    asked = HumanMessage("What is the weather in Paris?")
    called = model.invoke([asked])
    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    assert TOOL_RESULT in model.invoke([asked, called, result]).text


def test_thinks_and_gives_its_thoughts_back(make):
    model = make(thinking=THINKING)
    asked = HumanMessage("What is two and two?")
    thought = model.invoke([asked])
    kinds = [block["type"] for block in thought.content_blocks]
    assert "reasoning" in kinds and "text" in kinds, thought.content
    # The signature of the reasoning is verified when it comes back.
    assert model.invoke([asked, thought, HumanMessage(repeat(PHRASE))]).text == PHRASE


def test_answers_in_a_structure(clients):
    model = ChatBedrockConverse(model=CLAUDE, max_tokens=4000, **clients)
    city = model.with_structured_output(City).invoke("Paris has 2000000 people")
    assert isinstance(city, City) and city.population == 2000000


@pytest.mark.parametrize(
    ("model", "length"),
    [
        ("amazon.titan-embed-text-v2:0", 1024),
        ("cohere.embed-english-v3", 1024),
        ("cohere.embed-v4:0", 1536),
    ],
)
def test_embeds(clients, model, length):
    embeddings = BedrockEmbeddings(model_id=model, client=clients["client"])
    near, also_near, far = embeddings.embed_documents(["the cat sat down", "a cat sat", "income tax form"])
    assert len(near) == length
    assert product(near, also_near) > product(near, far) + 0.1
    assert product(embeddings.embed_query("the cat sat down"), near) > 0.99


def product(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_nova_chats(clients):
    assert ChatBedrockConverse(model=NOVA, **clients).invoke(repeat(PHRASE)).text == PHRASE
