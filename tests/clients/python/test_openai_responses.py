"""The OpenAI SDK's Responses API, with application profile ARNs as the model, and with models that live on bedrock-mantle only."""

import base64
import json

import openai
import pytest
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    DESCRIPTION,
    PHRASE,
    SCHEMA,
    TOOL,
    TOOL_RESULT,
    assert_describes,
    assert_fits,
    png,
    repeat,
)

pytestmark = pytest.mark.client("openai (Python)", "Responses")

TOOLS = [{"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}]


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.mark.column("chat")
def test_a_response_answers_with_usage(client, model):
    response = client.responses.create(model=model, input=repeat(PHRASE), instructions="Be brief.")
    assert response.output_text == PHRASE
    assert response.status == "completed"
    assert response.usage.input_tokens > 0 and response.usage.output_tokens > 0


@pytest.mark.column("stream")
def test_a_stream_is_the_same_answer_in_pieces(client, model):
    with client.responses.stream(model=model, input=repeat(PHRASE)) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == PHRASE
    assert final.usage.output_tokens > 0


@pytest.mark.column("tools")
def test_a_tool_round_trip(client, model):
    question = [{"role": "user", "content": ASK_FOR_TOOL}]
    first = client.responses.create(model=model, input=question, tools=TOOLS)
    call = next(item for item in first.output if item.type == "function_call")
    assert call.name == TOOL
    assert_fits(json.loads(call.arguments))
    result = {"type": "function_call_output", "call_id": call.call_id, "output": TOOL_RESULT}
    history = question + [item.model_dump(exclude_none=True) for item in first.output] + [result]
    second = client.responses.create(model=model, input=history, tools=TOOLS)
    assert TOOL_RESULT in second.output_text


@pytest.mark.column("images")
def test_an_image_reaches_the_model(client, seer):
    data = base64.b64encode(png()).decode()
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "auto"}
    content = [{"type": "input_text", "text": ASK_FOR_IMAGE}, image]
    response = client.responses.create(model=seer, input=[{"role": "user", "content": content}])
    assert_describes(response.output_text, png())


@pytest.mark.column("thinking")
def test_reasoning_comes_first_and_goes_back(client, thinker):
    question = [{"role": "user", "content": repeat(PHRASE)}]
    first = client.responses.create(model=thinker["identifier"], input=question, reasoning={"effort": "low"})
    kinds = [item.type for item in first.output]
    assert kinds[0] == "reasoning" and kinds[-1] == "message"
    # A signature is a Claude's; the thoughts of others have none to keep.
    assert first.output[0].encrypted_content or not thinker["model"].startswith("anthropic.")
    history = question + [item.model_dump(exclude_none=True) for item in first.output]
    history.append({"role": "user", "content": repeat("and again")})
    second = client.responses.create(model=thinker["identifier"], input=history, reasoning={"effort": "low"})
    assert second.output_text == "and again"


def test_a_token_limit_makes_it_incomplete(client, model):
    response = client.responses.create(model=model, input="count to 200", max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(client, broken):
    """The package raises what the gateway says of a cut; an `error` that an endpoint wrote itself it hands out as an event."""
    model, fault = broken
    headers, kinds = {"x-outcrop-fault": fault}, []
    try:
        for event in client.responses.create(model=model, input="count to 100", stream=True, extra_headers=headers):
            kinds.append(event.type)
    except openai.APIError:
        return
    assert kinds[-1] == "error" and "response.completed" not in kinds
    assert not fault.startswith("cut")


@pytest.mark.column("error")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_refusal_is_the_packages_own_class(client, model, stream):
    with pytest.raises(openai.PermissionDeniedError, match="access to the model"):
        client.responses.create(
            model=model, input="Hello", stream=stream, extra_headers={"x-outcrop-fault": "AccessDeniedException"}
        )


def test_a_response_that_nobody_made_is_refused_with_a_reason(client, model):
    with pytest.raises(openai.BadRequestError, match="Previous response with id 'resp_1' not found"):
        client.responses.create(model=model, input="Hello", previous_response_id="resp_1")
