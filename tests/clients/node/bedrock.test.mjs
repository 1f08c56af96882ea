// @aws-sdk/client-bedrock (control plane, HTTP/1.1) against the gateway's base URL.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  BedrockClient,
  GetInferenceProfileCommand,
  ListFoundationModelsCommand,
  paginateListInferenceProfiles,
} from "@aws-sdk/client-bedrock";
import * as m from "./material.mjs";

const client = new BedrockClient({
  endpoint: m.url,
  region: m.region,
  credentials: { accessKeyId: "AKIDANY", secretAccessKey: "any" },
  maxAttempts: 1,
});
after(() => client.destroy());

test("application profiles are listed", async () => {
  const pages = await m.all(paginateListInferenceProfiles({ client, pageSize: 1 }, { typeEquals: "APPLICATION" }));
  const arns = pages.flatMap((page) => page.inferenceProfileSummaries.map((profile) => profile.inferenceProfileArn));
  assert.ok(pages.length > 1);
  assert.ok(arns.includes(m.claude) && arns.includes(m.nova));
});

test("a profile is found by its ARN", async () => {
  const profile = await client.send(new GetInferenceProfileCommand({ inferenceProfileIdentifier: m.nova }));
  assert.equal(profile.inferenceProfileArn, m.nova);
  assert.equal(profile.type, "APPLICATION");
  assert.ok(profile.createdAt instanceof Date && !Number.isNaN(profile.createdAt.valueOf()));
});

test("an unknown profile is not found", async () => {
  const command = new GetInferenceProfileCommand({ inferenceProfileIdentifier: m.sibling(m.nova) });
  await assert.rejects(client.send(command), { name: "ResourceNotFoundException" });
});

test("foundation models are listed", async () => {
  const { modelSummaries } = await client.send(new ListFoundationModelsCommand({}));
  assert.ok(modelSummaries.some((model) => model.modelId.startsWith("anthropic.claude")));
});
