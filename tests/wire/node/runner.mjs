// Every method of the Node client, each against a bank of its own. `node runner.mjs URL` prints a line of JSON:
// `cases`, method by method why it failed (null: it did not), and `without`, the methods that no case is for.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { HindsightClient, HindsightError, recallResponseToPromptString } from "@vectorize-io/hindsight-client";

const url = process.argv[2];
const client = new HindsightClient({ baseUrl: url });
const OSLO = "Alice Novak moved to Oslo in March.";

const newBank = () => `wire node ${randomUUID()}`;

async function stocked() {
  const bank = newBank();
  await client.retainBatch(bank, [
    { content: OSLO, document_id: "moves", tags: ["people"] },
    { content: "Carla plays chess in Lima.", document_id: "games", metadata: { source: "chat" } },
    { content: "Deniz grows tomatoes on the roof.", document_id: "garden" },
  ]);
  return bank;
}

async function created() {
  const bank = newBank();
  await client.createBank(bank);
  return bank;
}

async function settled(bank, operation) {
  const until = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`${url}/v1/default/banks/${encodeURIComponent(bank)}/operations/${operation}`);
    const found = await answer.json();
    if (!["pending", "processing"].includes(found.status) || Date.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function refused(status, promise) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof HindsightError, String(error));
    assert.equal(error.statusCode, status, error.message);
    return true;
  });
}

async function model(bank, options) {
  const made = await client.createMentalModel(bank, "Alice", "Where does Alice live?", options);
  await settled(bank, made.operation_id);
  return made.mental_model_id;
}

async function page(bank, options) {
  const made = await client.createKnowledgePage(bank, "Alice", "Where does Alice live?", options);
  if (made.operation_id) await settled(bank, made.operation_id);
  return made.page_id;
}

const texts = (found) => found.results.map((result) => result.text);

const cases = {
  async getVersion() {
    assert.match((await client.getVersion()).api_version, /^\d+\.\d+\.\d+$/);
  },

  async retain() {
    const bank = newBank();
    const kept = await client.retain(bank, OSLO, {
      timestamp: new Date("2024-03-03T12:00:00Z"),
      context: "a letter",
      documentId: "letter",
      metadata: { page: "1" },
      tags: ["people"],
      entities: [{ text: "Alice Novak", type: "PERSON" }],
    });
    assert.deepEqual([kept.success, kept.bank_id, kept.items_count, kept.async], [true, bank, 1, false]);
    const [found] = (await client.recall(bank, "Where is Alice?", { includeEntities: true })).results;
    assert.deepEqual(
      [found.text, found.context, found.document_id, found.metadata, found.tags],
      [OSLO, "a letter", "letter", { page: "1" }, ["people"]],
    );
    assert.ok(found.mentioned_at.startsWith("2024-03-03T12:00:00"), found.mentioned_at);
    assert.ok(found.entities.includes("Alice Novak"), found.entities);
    const operationId = randomUUID();
    const queued = await client.retain(bank, "Emil sails.", { async: true, operationId });
    const again = await client.retain(bank, "Emil sails.", { async: true, operationId });
    assert.deepEqual([queued.operation_id, again.operation_id], [operationId, operationId]);
    assert.equal((await settled(bank, operationId)).status, "completed");
    assert.equal((await client.listMemories(bank, { q: "Emil" })).total, 1);
  },

  async retainBatch() {
    const bank = newBank();
    const items = [{ content: "Carla plays chess.", tags: ["a"] }, { content: "Deniz grows tomatoes." }];
    const kept = await client.retainBatch(bank, items, { documentId: "both", documentTags: ["b"] });
    assert.deepEqual([kept.success, kept.items_count], [true, 2]);
    assert.deepEqual((await client.getDocument(bank, "both")).memory_unit_count, 2);
    const found = await client.recall(bank, "chess", { tags: ["a", "b"], tagsMatch: "all_strict" });
    assert.deepEqual(texts(found), ["Carla plays chess."]);
  },

  async retainFiles() {
    const bank = await created();
    const file = new File(["Farah keeps bees behind the mill."], "note.txt", { type: "text/plain" });
    const kept = await client.retainFiles(bank, [file], { context: "her notes" });
    assert.equal(kept.operation_ids.length, 1);
    assert.equal((await settled(bank, kept.operation_ids[0])).status, "completed");
    const found = await client.recall(bank, "Who keeps bees?");
    assert.ok(texts(found)[0].includes("Farah keeps bees"), texts(found));
  },

  async recall() {
    const bank = await stocked();
    const found = await client.recall(bank, "Where does Alice live?", { includeChunks: true, trace: true });
    assert.equal(texts(found)[0], OSLO);
    assert.equal(found.chunks[found.results[0].chunk_id].text, OSLO);
    assert.ok(found.trace);
    assert.ok(recallResponseToPromptString(found).includes(OSLO));
    const strict = await client.recall(bank, "Alice and Carla", { tags: ["people"], tagsMatch: "all_strict" });
    assert.deepEqual(texts(strict), [OSLO]);
    const grouped = await client.recall(bank, "Alice and chess", { tagGroups: [{ not: { tags: ["people"] } }] });
    assert.deepEqual(texts(grouped), ["Carla plays chess in Lima."]);
    await refused(404, client.recall(newBank(), "anything"));
    await refused(422, client.recall(bank, ""));
  },

  async reflect() {
    const found = await client.reflect(await stocked(), "Where does Alice Novak live?", { includeFacts: true });
    assert.match(found.text, /Oslo/);
    assert.ok(found.based_on.memories.some((memory) => memory.text.includes("Oslo")));
  },

  async listMemories() {
    const bank = await stocked();
    const found = await client.listMemories(bank, { limit: 2 });
    assert.deepEqual([found.total, found.limit, found.offset, found.items.length], [3, 2, 0, 2]);
    const chess = await client.listMemories(bank, { q: "chess", documentId: "games", type: "world" });
    assert.deepEqual(chess.items.map((item) => item.text), ["Carla plays chess in Lima."]);
  },

  async createBank() {
    const bank = newBank();
    const made = await client.createBank(bank, { name: "The house", dispositionSkepticism: 5 });
    assert.deepEqual([made.bank_id, made.name, made.disposition.skepticism], [bank, "The house", 5]);
    await refused(422, client.createBank(bank, { dispositionSkepticism: 9 }));
  },

  async setMission() {
    const bank = newBank();
    assert.equal((await client.setMission(bank, "To serve.")).mission, "To serve.");
    assert.equal((await client.getBankConfig(bank)).overrides.reflect_mission, "To serve.");
  },

  // Hindsight took this route away; the client still has it.
  async getBankProfile() {
    await refused(410, client.getBankProfile(await created()));
  },

  async getBankConfig() {
    const bank = await created();
    const found = await client.getBankConfig(bank);
    assert.deepEqual([found.bank_id, found.overrides, found.config.retain_chunk_size], [bank, {}, 3000]);
  },

  async updateBankConfig() {
    const found = await client.updateBankConfig(await created(), { retainChunkSize: 1000 });
    assert.deepEqual([found.overrides, found.config.retain_chunk_size], [{ retain_chunk_size: 1000 }, 1000]);
  },

  async resetBankConfig() {
    const bank = await created();
    await client.updateBankConfig(bank, { retainChunkSize: 1000 });
    assert.deepEqual((await client.resetBankConfig(bank)).overrides, {});
  },

  async deleteBank() {
    const bank = await stocked();
    await client.deleteBank(bank);
    await refused(404, client.listMemories(bank));
  },

  async createDirective() {
    const bank = await created();
    const made = await client.createDirective(bank, "tone", "Be brief.", { priority: 3, tags: ["t"] });
    assert.deepEqual(
      [made.bank_id, made.name, made.content, made.priority, made.is_active, made.tags],
      [bank, "tone", "Be brief.", 3, true, ["t"]],
    );
  },

  async listDirectives() {
    const bank = await created();
    const made = await client.createDirective(bank, "tone", "Be brief.");
    assert.deepEqual((await client.listDirectives(bank)).items.map((item) => item.id), [made.id]);
  },

  async getDirective() {
    const bank = await created();
    const made = await client.createDirective(bank, "tone", "Be brief.");
    assert.equal((await client.getDirective(bank, made.id)).content, "Be brief.");
    await refused(404, client.getDirective(bank, randomUUID()));
  },

  async updateDirective() {
    const bank = await created();
    const made = await client.createDirective(bank, "tone", "Be brief.");
    const found = await client.updateDirective(bank, made.id, { content: "Be kind.", isActive: false });
    assert.deepEqual([found.name, found.content, found.is_active], ["tone", "Be kind.", false]);
  },

  async deleteDirective() {
    const bank = await created();
    const made = await client.createDirective(bank, "tone", "Be brief.");
    await client.deleteDirective(bank, made.id);
    await refused(404, client.getDirective(bank, made.id));
  },

  async createMentalModel() {
    const bank = await stocked();
    const made = await client.createMentalModel(bank, "Alice", "Where does Alice live?", { id: "alice" });
    assert.equal(made.mental_model_id, "alice");
    assert.equal((await settled(bank, made.operation_id)).status, "completed");
    assert.match((await client.getMentalModel(bank, "alice")).content, /Oslo/);
  },

  async listMentalModels() {
    const bank = await stocked();
    const id = await model(bank);
    assert.deepEqual((await client.listMentalModels(bank)).items.map((item) => item.id), [id]);
  },

  async getMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    const found = await client.getMentalModel(bank, id, { detail: "full" });
    assert.deepEqual([found.id, found.bank_id, found.name], [id, bank, "Alice"]);
    await refused(404, client.getMentalModel(bank, "none"));
  },

  async refreshMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    const submitted = await client.refreshMentalModel(bank, id);
    assert.equal((await settled(bank, submitted.operation_id)).status, "completed");
  },

  async dryRunRefreshMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    const found = await client.dryRunRefreshMentalModel(bank, id);
    assert.deepEqual([found.mental_model_id, found.name], [id, "Alice"]);
  },

  async clearMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    assert.equal((await client.clearMentalModel(bank, id)).id, id);
    assert.ok(!(await client.getMentalModel(bank, id)).content);
  },

  async updateMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    const found = await client.updateMentalModel(bank, id, { name: "Her", maxTokens: 1024 });
    assert.deepEqual([found.name, found.max_tokens, found.source_query], ["Her", 1024, "Where does Alice live?"]);
  },

  async deleteMentalModel() {
    const bank = await stocked();
    const id = await model(bank);
    await client.deleteMentalModel(bank, id);
    await refused(404, client.getMentalModel(bank, id));
  },

  async getMentalModelHistory() {
    const bank = await stocked();
    assert.ok(Array.isArray(await client.getMentalModelHistory(bank, await model(bank))));
  },

  async getKnowledgeBaseTree() {
    const bank = await stocked();
    const folder = await client.createKnowledgeFolder(bank, "People");
    const id = await page(bank, { parentId: folder.id });
    const { roots } = await client.getKnowledgeBaseTree(bank);
    assert.deepEqual(roots.map((root) => [root.id, root.children.map((child) => child.id)]), [[folder.id, [id]]]);
  },

  async createKnowledgeFolder() {
    const bank = await stocked();
    const folder = await client.createKnowledgeFolder(bank, "People");
    const inner = await client.createKnowledgeFolder(bank, "Friends", { parentId: folder.id });
    assert.deepEqual([inner.kind, inner.name, inner.parent_id], ["folder", "Friends", folder.id]);
  },

  async createKnowledgePage() {
    const bank = await stocked();
    const made = await client.createKnowledgePage(bank, "Alice", "Where does Alice live?", { maxTokens: 512 });
    assert.ok(made.page_id && made.mental_model_id);
    if (made.operation_id) assert.equal((await settled(bank, made.operation_id)).status, "completed");
  },

  async getKnowledgePage() {
    const bank = await stocked();
    const id = await page(bank);
    const found = await client.getKnowledgePage(bank, id);
    assert.deepEqual([found.id, found.name], [id, "Alice"]);
    assert.ok(found.markdown.startsWith("---"), found.markdown);
  },

  async searchKnowledgeBase() {
    const bank = await stocked();
    const id = await page(bank);
    assert.deepEqual((await client.searchKnowledgeBase(bank, "Alice")).results.map((result) => result.id), [id]);
  },

  async updateKnowledgeNode() {
    const bank = await stocked();
    const folder = await client.createKnowledgeFolder(bank, "People");
    const id = await page(bank);
    const moved = await client.updateKnowledgeNode(bank, id, { name: "Her", parentId: folder.id });
    assert.deepEqual([moved.name, moved.parent_id], ["Her", folder.id]);
  },

  async deleteKnowledgeNode() {
    const bank = await stocked();
    const folder = await client.createKnowledgeFolder(bank, "People");
    await client.deleteKnowledgeNode(bank, folder.id);
    assert.deepEqual((await client.getKnowledgeBaseTree(bank)).roots, []);
  },

  async exportKnowledgeBase() {
    const bank = await stocked();
    await page(bank);
    const { files } = await client.exportKnowledgeBase(bank);
    assert.ok(files.some((file) => file.path === "index.md") && files.length >= 2, JSON.stringify(files));
  },

  async getDocument() {
    const bank = await stocked();
    const found = await client.getDocument(bank, "moves");
    assert.deepEqual(
      [found.id, found.bank_id, found.original_text, found.memory_unit_count, found.tags],
      ["moves", bank, OSLO, 1, ["people"]],
    );
    assert.equal(await client.getDocument(bank, "none"), null);
  },

  async listDocuments() {
    const found = await client.listDocuments(await stocked(), { limit: 2 });
    assert.deepEqual([found.total, found.limit, found.items.length], [3, 2, 2]);
  },

  async deleteDocument() {
    const bank = await stocked();
    await client.deleteDocument(bank, "moves");
    assert.equal(await client.getDocument(bank, "moves"), null);
    assert.equal((await client.listMemories(bank)).total, 2);
  },

  async updateDocument() {
    const bank = await stocked();
    assert.equal((await client.updateDocument(bank, "games", { tags: ["sport"] })).success, true);
    const found = await client.recall(bank, "chess", { tags: ["sport"], tagsMatch: "exact" });
    assert.deepEqual(texts(found), ["Carla plays chess in Lima."]);
  },

  async exportDocuments() {
    const archive = await client.exportDocuments(await stocked(), { pollIntervalMs: 50 });
    assert.deepEqual([...archive.slice(0, 4)], [0x50, 0x4b, 0x03, 0x04]);
  },
};

const methods = Object.getOwnPropertyNames(HindsightClient.prototype).filter(
  (name) => !["constructor", "validateResponse"].includes(name),
);
const outcome = {};
for (const name of methods.filter((name) => name in cases)) {
  outcome[name] = await cases[name]().then(
    () => null,
    (error) => error.stack,
  );
}
console.log(JSON.stringify({ cases: outcome, without: methods.filter((name) => !(name in cases)) }));
