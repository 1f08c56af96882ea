//! The table. Words of the request, or of others, stand in braces.

use crate::texts;

texts! {
    "Identifiers": {
        IDENTIFIER_EMPTY = "the identifier is empty";
        identifier_too_long(most) = "the identifier is longer than {most} characters";
        IDENTIFIER_NOT_UTF8 = "the identifier is percent-encoded, but not as UTF-8";
        identifier_holds(character) = "the identifier holds {character}, which no model id or ARN has";
        TRIM_IT = "remove the spaces and line ends around it";
        ENCODE_ONCE = "percent-encode it once, not twice";
        capitals(id) = "`{id}` is no model id: those have small letters only";
        no_model_id(id) = "`{id}` is no model id: those look like publisher.model or geography.publisher.model";
        no_geography(geography, id) = "`{geography}.` in `{id}` is no geography that Bedrock has profiles for";
        no_publisher(id) = "`{id}` does not begin with the publisher of a model, as Bedrock's ids do";
        publisher_left_out(id, geography) = "`{id}` lacks the publisher: profile ids look like {geography}.publisher.model";
        no_arn(arn, why) = "`{arn}` is no ARN that Bedrock can invoke: {why}";
        ARNS = "ARNs look like arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456 or arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
        ARN_PARTS = "it has too few parts";
        ARN_PARTITION = "it does not begin with arn:aws: or another partition of AWS";
        ARN_REGION = "its Region is none" => "Regions look like us-east-1";
        ARN_ACCOUNT = "its account is not twelve digits";
        ARN_ENDING = "it does not end in type/id";
        ARN_KIND = "a resource of this kind cannot be invoked";
        ARN_ID = "the id after the slash is malformed";
        ARN_OF_NO_ACCOUNT = "a foundation model belongs to no account"
            => "leave the account empty: arn:aws:bedrock:REGION::foundation-model/ID";
        ARN_LACKS_ACCOUNT = "it lacks the account"
            => "the twelve digits stand after the Region: arn:aws:bedrock:REGION:ACCOUNT:…";
        ARN_OF_SAGEMAKER = "Bedrock reaches SageMaker endpoints in the partition aws only"
            => "see the table of targets in AWS's InvokeModel reference";
        other_service(meant, service) = "did you mean the service {meant}, not {service}?";
        other_resource(meant, resource) = "did you mean {meant}/, not {resource}/?";
        did_you_mean(names) = "did you mean {names}?";
        not_a_model(identifier, kind) = "`{identifier}` is {kind}, not a model" => "map the profile to the id of its model or system profile";
        misconfigured(source, target, meant, why) = "{source} calls `{target}` for `{meant}`, but {why}";
        alias_in_circle(source, name, steps) = "{source}: the alias `{name}` leads in a circle: {steps}" => "let it name a model id, a profile id or an ARN";
        alias_too_long(source, name, most, steps) = "{source}: the alias `{name}` leads through more than {most} aliases: {steps}"
            => "let it name what its last alias names";
    }

    "Where a call may go": {
        impassable(model, place, api) = "`{model}` is served by {place} only, which does not offer {api} for it";
        NO_API_KNOWN = "no source tells which API serves it; name another model";
        ask_with(apis) = "ask for it with {apis}, or name a model that Converse serves";
        residency(source, target, why) = "{source}: the residency policy refuses {target}: {why}";
        not_callable(region, rule) = "{region} is not among the Regions that may be called, {rule}";
        not_among(region, rule) = "{region} is not among {rule}";
        REGIONS_UNKNOWN = "nothing tells in which Regions the call would be processed";
        processed_outside(regions, are, rule) = "it may be processed in {regions}, which {are} not among {rule}";
        allowed_here(region, identifiers) = "from {region} the policy allows {identifiers}";
        allowed_elsewhere(identifier, region) = "the policy allows {identifier} from {region}";
    }

    "Any member": {
        missing(member) = "`{member}` is required";
        twice(member) = "duplicate field `{member}`" => "two readers of one body must not be able to disagree: send it once";
        NO_LIMIT = "`max_tokens` is required" => "the Messages API has no default for it";
        unreadable(member, why) = "`{member}`: {why}";
        body_unreadable(why) = "the request body could not be read: {why}" => "send one JSON object in UTF-8";
        not_strings(member) = "`{member}` must be a list of strings";
        not_an_object(member) = "`{member}` must be an object";
    }

    "Turns and what they hold": {
        CHAT_ROLE = "a role must be `system`, `developer`, `user`, `assistant` or `tool`";
        RESPONSES_ROLE = "a role must be `system`, `developer`, `user` or `assistant`";
        MESSAGES_ROLE = "a role must be `user` or `assistant`";
        SYSTEM_IS_TEXT = "a system prompt is made of text only";
        TEXT_ONLY = "only text is possible here";
        TOOL_ANSWER = "a tool's answer is text, pictures or documents";
        CLAUDE_TOOL_ANSWER = "a tool's answer is text, pictures, documents or search results";
        BEDROCK_BLOCK = "a `bedrock_block` can stand in an assistant's turn only";
        foreign_content(kind) = "content of type `{kind}` cannot be sent to Bedrock";
        CHAT_CONTENT = "text, image_url, input_audio and file can";
        RESPONSES_CONTENT = "input_text, output_text, refusal, input_image and input_file can";
        FUNCTION_CALL = "`function_call` is not supported" => "OpenAI replaced it by `tool_calls`; send those";
    }

    "Pictures, sounds, documents": {
        image_by_address(scheme) = "pictures must be sent as data, not by address (`{scheme}:…`)"
            => "Bedrock takes bytes only: send the picture as base64 (`data:image/png;base64,…`), or let the gateway fetch: `fetch_remote_images` in outcrop.yaml";
        image_type(media_type) = "pictures of type `{media_type}` are not supported" => "Bedrock takes image/png, image/jpeg, image/gif and image/webp";
        document_type(media_type) = "documents of type `{media_type}` are not supported" => "Bedrock takes pdf, csv, doc, docx, xls, xlsx, html, txt and md";
        NOT_BASE64 = "the data are not standard base64";
        FILE_ELSEWHERE = "files must be sent as data, not by address or by id"
            => "send the file itself: `data:…;base64,…` in `image_url` or `file_data`";
        STORED_FILE = "`file_id` names a file that OpenAI stores";
        SEND_THE_FILE = "send the file itself: `file_data: \"data:application/pdf;base64,…\"`";
        source_elsewhere(kind) = "a source of type `{kind}` cannot be sent to Bedrock, or lacks its data"
            => "Bedrock takes the bytes themselves: `{{\"type\": \"base64\", \"media_type\": …, \"data\": …}}`";
    }

    "Parameters": {
        SEVERAL_ANSWERS = "Bedrock gives one answer for each request; `n` must be 1" => "send the request as often as you need answers";
        FUNCTIONS = "`functions` and `function_call` are not supported" => "OpenAI replaced them by `tools` and `tool_choice`; send those";
        RESPONSE_FORMAT = "`response_format.type` must be `text`, `json_object` or `json_schema`";
        TEXT_FORMAT = "`text.format.type` must be `text`, `json_object` or `json_schema`";
        TOOL_CHOICE = "`tool_choice` must be `none`, `auto`, `required` or name a function";
        CLAUDE_TOOL_CHOICE = "`tool_choice.type` must be `auto`, `any`, `tool` or `none`";
        THINKING = "`thinking.type` must be `enabled`, `adaptive` or `disabled`";
        misfit(member, asked, model, allowed) = "`{member}` is {asked}; {model} takes {allowed}"
            => "change it, or let Outcrop repair it and say so: `parameters: fix` in outcrop.yaml";
    }

    "What is stored, and what runs without a listener": {
        stored(member) = "`{member}` names something that OpenAI stores"
            => "send the whole conversation in `input`, the items of earlier answers included";
        BACKGROUND = "responses in the background are not supported" => "leave `background` out and wait for the answer, or stream it";
        ITEM_REFERENCE = "nothing is stored here to refer to" => "send the item itself, as the answer held it";
        no_such_item(id) = "there is no stored item `{id}`"
            => "send the item itself; responses with `store: false` are not kept";
        openai_no_response(id) = "Response with id '{id}' not found."
            => "responses are kept for 30 days, for the key that made them, unless `store` was false";
        openai_no_previous_response(id) = "Previous response with id '{id}' not found."
            => "responses are kept for 30 days, for the key that made them, unless `store` was false; send the whole conversation in `input` instead";
        RESPONSES_UNREADABLE = "the stored responses cannot be read" => "the gateway's log says why; send the whole conversation in `input` until then";
    }

    "Requests that are written for another endpoint": {
        unknown_role(role) = "turns of role `{role}` are not known";
        NO_TEXT_DOCUMENT = "the document is said to be text, and its bytes are none";
        foreign_body(api) = "the body is not this model's own, which is that of {api}"
            => "send that body, or ask with Converse, Messages, Chat Completions or Responses, which are translated";
        NO_GUARDRAIL = "no guardrail can be put on a request to this model, and one is configured or asked for"
            => "name a model that Converse serves (`outcrop explain` says where a model is served)";
        data_only(api) = "{api}, which the model speaks, takes pictures, sounds and documents as data only"
            => "send the bytes themselves instead of a place in S3";
        no_media(api, what) = "{api}, which the model speaks, has no {what}" => "leave it out, or name a model that takes it (`outcrop models list`)";
    }

    "Embeddings": {
        EMPTY_TEXT = "`input` must not hold empty texts";
        too_many_texts(most) = "`input` must hold 1 to {most} texts";
        NO_TEXT = "what is to be embedded must be text";
        TOKEN_IDS = "`input` holds token ids; they belong to OpenAI's tokenizer, no model on Bedrock can read them"
            => "send the text itself (LangChain: `OpenAIEmbeddings(check_embedding_ctx_length=False)`)";
        ENCODING = "`encoding_format` must be `float` or `base64`";
        PURPOSE = "`input_type` must be `search_document`, `search_query`, `classification` or `clustering`";
        dimensions(asked, known) = "this model makes no vectors of {asked} dimensions" => "it makes vectors of {known}";
        model_behind(target) = "it is not known which model is behind `{target}`"
            => "name the model behind the profile: BEDROCK_INFERENCE_PROFILE_MAPPINGS, or let the gateway look it up";
        no_embeddings(model) = "`{model}` makes no embeddings of text here"
            => "Titan Embeddings, Cohere Embed and Nova Multimodal Embeddings do: `outcrop models list --filter embed`";
        vectors_missing(made, asked) = "the model made {made} vectors of {asked} texts" => "send fewer texts at once";
    }

    "Pictures that are fetched": {
        too_many_pictures(most) = "no more than {most} pictures of a request are fetched" => "send the others as base64";
        not_fetched(why) = "the picture was not fetched: {why}" => "send it as base64 (`data:image/png;base64,…`)";
        not_in_time(millis) = "it did not arrive within {millis} ms";
        NOBODY_THERE = "nobody answers there";
        HOST_IS_NO_NAME = "its host is neither a name nor an IP address";
        tls_failed(why) = "TLS failed: {why}";
        NO_PICTURE = "it is no PNG, JPEG, GIF, WebP or PDF";
        ADDRESS_UNREADABLE = "its address cannot be read";
        HTTPS_ONLY = "only `https` is fetched";
        USER_IN_ADDRESS = "its address holds a user";
        HOST_UNKNOWN = "its host is not known";
        host_not_listed(host, port) = "{host}:{port} is not among the hosts that are fetched from";
        HOST_NOT_PUBLIC = "its host is not on the public internet";
        CONNECTION_BROKE = "the connection broke";
        REDIRECTED = "it is somewhere else, and redirects are not followed: name its last address";
        server_answered(status) = "its server answered {status}";
        picture_too_large(most) = "it is larger than {most} bytes, or broke off";
    }

    "Who may call, and what": {
        SEND_A_KEY = "send a key of this gateway as `Authorization: Bearer …` or `x-api-key`, or sign the request with one (SigV4)";
        SIGN_WITH_A_KEY = "sign with a key of this gateway: its name is the access key id, its secret the secret access key";
        KEY_UNKNOWN = "the key in the request is unknown to this gateway, or was revoked" => "`outcrop keys list` shows the keys, `outcrop keys create` makes one";
        account_gone(account) = "this key is for the account `{account}`, which the gateway's configuration does not have"
            => "configure it again under `accounts`, or make another key: `outcrop keys create`";
        KEY_ONLY_READS = "a key that is bound to models or a profile may read the control plane, not change it" => "use a key that is not bound";
        KEY_SEES_ITSELF = "a key that is bound to models or a profile does not see what others do" => "use a key that is bound to nothing";
        key_names_models(key, identifier, models) = "the key `{key}` may not use `{identifier}`: it may name {models}"
            => "`GET /v1/models` lists what it may name";
        key_names_profile(key, identifier, profile) = "the key `{key}` may not use `{identifier}`: it goes through {profile} only"
            => "name that profile, or the model behind it";
        guardrail_outside(region) = "the residency policy does not allow that a guardrail is applied in {region}"
            => "apply it in a Region that the policy allows";
        guardrail_blocked(guardrail, why) = "the guardrail {guardrail} blocked `input`: {why}" => "the text itself is at fault; change it";
    }

    "Paths and bodies": {
        NO_PATH = "there is no such path here" => "the README lists the paths: /v1/chat/completions, /v1/messages, /model/{id}/converse, …";
        other_method(methods) = "this path takes another method" => "send {methods}";
        no_model(id) = "there is no model `{id}` here" => "`GET /v1/models` lists them";
        page_limit(most) = "`limit` must be a number from 1 to {most}";
        body_too_large(most) = "the request body is larger than {most} bytes, the most that Bedrock takes"
            => "shorten the conversation, or make its pictures and documents smaller";
        BODY_TOO_SLOW = "the request body came too slowly" => "nothing was sent to Bedrock: send it again";
        body_broken(why) = "the request body broke off: {why}" => "nothing has been sent to Bedrock: send it once more";
        BUSY = "the gateway holds as many large requests as it has room for" => "send it again in a moment; run another gateway beside this one if it happens often";
    }

    "Counting tokens": {
        uncountable(model, api) = "nobody counts the tokens of `{model}` before it is asked: its endpoint speaks {api} alone"
            => "the usage of an answer states them";
        COUNT_WITH_MESSAGES = "count them with Messages: POST /v1/messages/count_tokens";
    }

    "On the way to AWS": {
        no_credentials(why) = "no AWS credentials were found: {why}";
        credentials_unusable(which) = "the {which} holds blanks, line breaks or other characters that no AWS key has; was it pasted with a line end?";
        credentials_empty(which) = "the {which} is empty";
        GIVE_CREDENTIALS = "give the gateway AWS credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_BEARER_TOKEN_BEDROCK, or a profile), or start it with --local";
        endpoint_unusable(url, why) = "the endpoint `{url}` cannot be used: {why}";
        REGION_FORM = "a Region looks like us-east-1: lower-case letters, digits and hyphens";
        NO_MANTLE = "no address of bedrock-mantle is known in this partition; give one in AWS_ENDPOINT_URL_BEDROCK_MANTLE";
        no_connection(host, why) = "no connection to {host}: {why}" => "nothing was sent; check the gateway's network, its proxy, and AWS_ENDPOINT_URL_BEDROCK_RUNTIME";
        untrusted(host, why) = "{host} cannot be trusted: {why}" => "behind a proxy that opens TLS, name its certificate in AWS_CA_BUNDLE";
        broken(host, why) = "the connection to {host} broke before it answered: {why}";
        no_answer(host) = "{host} did not begin to answer in time" => "`upstream: {{ first_event_timeout_ms }}` in outcrop.yaml is how long the gateway waits, else 15 minutes";
        CLIENT_LEFT = "the client left before the request was sent";
        unsendable(why) = "the request cannot be sent: {why}";
    }

    "Answers that did not arrive whole": {
        cut(why) = "the answer from Bedrock did not arrive whole: {why}" => "it may have been billed: whoever sends the request again may pay twice";
        broke_off(why) = "the answer from AWS broke off: {why}" => "send the request again";
        silent(seconds) = "Bedrock sent no event for {seconds} seconds; the stream was given up" => "`upstream: {{ event_timeout_ms }}` in outcrop.yaml is how long the gateway waits";
        WEB_PAGE = "it is a web page: somebody on the way answered in AWS's place";
        encoded(how) = "it is encoded as {how}, which nobody asked for";
        NO_OBJECT = "it is no JSON object";
        wordless(what) = "AWS answered {what} and did not say why";
        answer_unreadable(why) = "it cannot be read: {why}";
        event_unreadable(why) = "an event cannot be read: {why}";
        block_unreadable(why) = "a block cannot be read: {why}";
        chunk_unreadable(why) = "a chunk cannot be read: {why}";
        EVENT_TOO_LONG = "an event is too long";
        WITHIN_AN_EVENT = "the stream ended within an event";
        PRELUDE_CRC = "the CRC of a frame's prelude does not match";
        FRAME_CRC = "the CRC of a frame does not match";
        frame_too_large(total, headers) = "a frame of {total} bytes ({headers} of headers) is over the limit";
        frame_lengths(total, headers) = "a frame of {total} bytes cannot hold {headers} bytes of headers";
        FRAME_HEADERS = "a frame's headers are malformed";
        WITHIN_A_FRAME = "the stream ended within a frame";
        BEFORE_THE_LAST_EVENT = "the stream ended before its last event";
        NO_STOP_REASON = "neither a stop reason nor the usage arrived";
        NO_USAGE = "the stop reason arrived, the usage did not";
        NAMELESS_CALL = "a call names no tool";
        LATE_ARGUMENTS = "the arguments of a call go on after their end";
        ENDLESS_ARGUMENTS = "the arguments of a call have no end";
    }

    "What AWS's refusals mean": {
        denied(user, action, resource, why) = "{user} may not {action} on {resource}: {why}";
        DENIED_BY_SCP = "a service control policy (SCP) of the organisation denies it";
        DENIED_BY_BOUNDARY = "the permissions boundary or session policy does not allow it";
        DENIED_BY_ENDPOINT = "the policy of the VPC endpoint does not allow it";
        DENIED_TO_OTHERS = "it belongs to another account, and no policy of its own lets the caller in";
        DENIED_EXPLICITLY = "a policy of the caller denies it explicitly";
        NOT_ALLOWED = "no policy allows it";
        exempt_from_scp(region) = "no policy of the account can allow it. Ask the organisation's administrator to exempt Bedrock in the Region `{region}` from the SCP (condition aws:RequestedRegion, NotAction bedrock:InvokeModel*), or use a profile that does not route there: `outcrop profiles list`";
        allow_there_too(policy) = "allow it there too: {policy}";
        call_as_its_account(account) = "call it as its own account: put a role of it under `accounts` (`{{role: arn:aws:iam::{account}:role/…}}`) and name that account under `routes` for this ARN, or for the key";
        narrow_the_deny(action) = "remove or narrow the Deny statement that matches {action}; an Allow does not outweigh it";
        attach_policy(user, policy) = "attach this policy to {user} (all of what is needed: `outcrop iam policy`): {policy}";
        API_KEY_UNKNOWN = "AWS does not know the Bedrock API key: it is wrong, has expired, or is of another Region"
            => "make a new key in the Bedrock console of this Region, and set AWS_BEARER_TOKEN_BEDROCK";
        PROFILE_ONLY = "this model is invoked through an inference profile only"
            => "name the profile: `outcrop explain ID` shows the one for your Region, `outcrop models list --filter MODEL` all of them";
        UNKNOWN_THERE = "AWS does not know the identifier in this Region: spelling, geography prefix, or the Region"
            => "`outcrop explain IDENTIFIER` shows what it resolves to, and what is meant instead";
        END_OF_LIFE = "AWS no longer serves this model"
            => "`outcrop models list` shows what it serves";
        NO_ACCESS = "the account has no access to the model"
            => "ask for it on the model's page in the Bedrock console of this account and Region";
        USE_CASE_FORM = "the publisher's use-case form has not been handed in for this account"
            => "fill it in on the model's page in the Bedrock console, or call PutUseCaseForModelAccess; it takes about 15 minutes to count";
        MARKETPLACE = "the model's first use takes an agreement in AWS Marketplace, which the caller may not make"
            => "let somebody who may call the model once, or allow it and try again after two minutes: {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"aws-marketplace:ViewSubscriptions\", \"aws-marketplace:Subscribe\"], \"Resource\": \"*\"}]}";
        AGREEMENT_PENDING = "the model's agreement is being made"
            => "it was the first use in this account; try again after some minutes";
        DAILY_TOKENS = "the daily token quota is used up"
            => "retrying does not help before it resets; ask for more in Service Quotas, call through another Region or a global profile, or add a way with `failover`";
        TOKENS_PER_MINUTE = "the tokens-per-minute quota is used up (Bedrock reserves max_tokens in advance)"
            => "wait, send less at once, ask for more in Service Quotas, or add a way with `failover`";
        REQUESTS_PER_MINUTE = "the requests-per-minute quota is used up"
            => "wait, send less at once, ask for more in Service Quotas, or add a way with `failover`";
        MAX_TOKENS_ABOVE = "max_tokens is above what the model can say"
            => "lower max_tokens; `outcrop explain MODEL` shows the limit";
        CONTEXT_EXCEEDED = "the conversation is longer than the model's context"
            => "shorten it, or choose a model with a larger context: `outcrop models compare`";
        ONE_OF_TWO = "the model takes temperature or top_p, not both"
            => "leave one out; through Chat Completions and Messages the gateway does it and says so";
        NO_SAMPLING = "the model takes no sampling parameters any more"
            => "leave the parameter out; `outcrop explain MODEL` shows what the model takes";
        TEMPERATURE_IS_ONE = "with thinking on, temperature can only be 1"
            => "leave temperature out while the model thinks";
        ADAPTIVE_ONLY = "the model thinks adaptively only"
            => "send thinking {\"type\": \"adaptive\"} and an effort instead of a budget";
        ADAPTIVE_BUDGET = "adaptive thinking takes no budget"
            => "leave budget_tokens out; an effort limits adaptive thinking";
        NO_PROMPT_CACHE = "the model has no prompt cache"
            => "leave the cache points out";
        NO_STOP_SEQUENCES = "the model takes no stop sequences"
            => "leave the parameter out; `outcrop explain MODEL` shows what the model takes";
        NO_VIDEOS = "the model does not take videos in this form"
            => "remove the block, or choose a model that sees videos";
        NO_S3 = "the model does not read from S3"
            => "send the bytes instead";
        EXTRANEOUS_KEY = "the request holds a member that this operation does not know"
            => "remove it; the sentence names it";
        COUNT_BARE_IDS = "tokens are counted for bare model ids only"
            => "count with the model's own id, not with a profile";
        OTHER_ROUTE = "this AWS endpoint serves the model under another path"
            => "`outcrop explain IDENTIFIER` shows what it resolves to, and what is meant instead";
        TOKEN_EXPIRED = "the session token has expired"
            => "get new temporary credentials (aws sso login, aws sts get-session-token) and set all three variables again";
        ACCESS_KEY_UNKNOWN = "AWS does not know the access key or session token"
            => "check the access key id; temporary keys (ASIA…) need their session token too: BEDROCK_AWS_SESSION_TOKEN or AWS_SESSION_TOKEN";
        THROTTLED = "more is asked of the account than its quota allows at once"
            => "wait, send less at once, ask for more in Service Quotas, or add a way with `failover`";
        QUOTA_REACHED = "a quota of the account is reached"
            => "ask for more in Service Quotas, or add a way with `failover`";
        MODEL_LOADING = "the model is being loaded"
            => "send the request again in a moment";
        MODEL_TOO_SLOW = "the model did not answer in the time that AWS gives it"
            => "what it did may have been billed: ask for less at once before the request is sent again";
        MODEL_FAILED = "the model itself failed"
            => "what it did may have been billed: send the request again only if that is worth it, or name another model";
        AWS_FAILED = "the fault is AWS's"
            => "send the request again; where it stays so, call through another Region or a global profile, or add a way with `failover`";
        NO_CAPACITY = "Bedrock has no room for the request there now"
            => "send it again in a moment, call through another Region or a global profile, or add a way with `failover`";
        SIGNATURE_WRONG = "the signature is not that of the gateway's access key"
            => "check the secret access key; nothing on the way to AWS may change a request";
        SIGNATURE_LOST = "the request reached AWS without a whole signature"
            => "does a proxy on the way remove the header Authorization?";
        NOT_BEDROCK = "whoever answers does not know the operation"
            => "does AWS_ENDPOINT_URL_BEDROCK_RUNTIME lead to Bedrock?";
        PUBLISHERS_WORDS = "the model itself refused the request"
            => "what follows are the publisher's words; `outcrop explain MODEL` shows what it takes";
    }
}
