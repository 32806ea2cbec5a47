#include "gradus/train/config.hpp"

#include "../../apps/train/command_line.hpp"
#include "fuzz/command.hpp"
#include "fuzz/mutate.hpp"

using namespace gradus;

namespace {

/// A document as TOML, as far as that can say it.
std::string toml_of(const fuzz::json& value, bool top = true) {
  if (!top || !value.is_object()) return value.is_null() ? "\"auto\"" : value.dump();
  std::string text;
  for (const auto& [key, item] : value.items())
    text += fuzz::json(key).dump() + " = " + toml_of(item, false) + "\n";
  return text;
}

/// Sizes that a person may ask for and that a fuzzer has no time for.
void make_small(train::Config& c) {
  const auto limit = [](Index& value, Index most) { value = std::min(value, most); };
  limit(c.synthetic.n, 40);
  limit(c.synthetic.features, 8);
  limit(c.synthetic.classes, 8);
  limit(c.embedding, 8);
  limit(c.fit.accumulate, 4);
  limit(c.prefetch, 2);
  if (c.synthetic.n == 0) c.synthetic.n = 20;
  if (c.epochs) limit(*c.epochs, 2);
  if (c.hidden) {
    if (c.hidden->size() > 3) c.hidden->resize(3);
    for (Index& size : *c.hidden) limit(size, 8);
  }
  c.epochs = c.epochs.value_or(1);
  c.hidden = c.hidden.value_or(std::vector<Index>{4});
}

/// What a run makes of settings before and in its first steps.
void use(train::Config config) {
  make_small(config);
  for (const char* set : {"digits"})  // a thousand images
    if (config.data == set) return;
  const train::Source source = train::load_source(train::source_options(config));
  const train::Prepared data = train::prepare(config, source);
  const train::Objective objective = train::objective_of(data.config, data.pipeline, data.train);
  const train::ModelSpec spec = train::model_spec(data.config, data.pipeline, objective);
  const auto model = train::build_model(spec, data.pipeline.dtype());
  const auto optimizer = train::make_optimizer(data.config, *model);
  data::DataLoader loader = train::make_loader(data.config, data.train);
  std::optional<optim::Scheduler> scheduler;
  if (const auto schedule = train::make_schedule(data.config, loader.size()))
    scheduler.emplace(*optimizer, *schedule);
  train::fit(*model, objective.function, *optimizer, scheduler ? &*scheduler : nullptr, loader,
             data.validation, train::fit_options(data.config));
  train::save_model(fuzz::folder() + "/model", *model, spec, data.pipeline, data.config);
}

fuzz::json good(const char* data) {
  fuzz::json document = fuzz::json::parse(train::to_json(train::Config()));
  document["data"] = data;
  document["hidden"] = {4, 4};
  return document;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::be_quiet();
  std::vector<std::string> seeds;
  for (char base = 0; base < 4; ++base)
    for (char form = 0; form < 3; ++form) seeds.push_back(fuzz::seed(base, form));
  fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

/// The input says what is changed in a file of settings, JSON or TOML, or begins with an odd byte
/// and is the file itself. What is read without an error can be written and read again, and used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(data, size);
  const char* const sets[] = {"xor", "sine", "random", "blobs"};
  fuzz::json document = good(choices.one_of(sets));
  const std::size_t form = choices.below(4);
  for (int changes = 0; !choices.done() && changes < 12; ++changes) fuzz::mutate(document, choices);
  const std::string raw(reinterpret_cast<const char*>(data), size);
  const std::string text = form == 3 ? raw : form == 2 ? toml_of(document) : document.dump();
  try {
    train::Config config, again;
    if (form >= 2)
      read_toml(config, text, "config.toml");
    else
      train::read_json(config, text, "config.json");
    const std::string written = train::to_json(config);
    train::read_json(again, written, "config.json");
    if (train::to_json(again) != written) __builtin_trap();
    train::check(config);
    use(config);
  } catch (const Error& e) {
    fuzz::check_message(e.what());
  }
  return 0;
}
