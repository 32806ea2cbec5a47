#include "gradus/train/checkpoint.hpp"

#include "base/messages.hpp"
#include "io/csv/scan.hpp"
#include "train/save/folder/history_file.hpp"
#include "train/save/json.hpp"
#include "train/save/state.hpp"

namespace gradus::train {
namespace {

using detail::Json;
using detail::most_counted;
using detail::Value;
using io::detail::quote;

constexpr const char* own_prefix = "gradus/";
// 2: history and lists are in a file of their own.
constexpr int version = 1, version_apart = 2;

// ---- what stands in the metadata ---------------------------------------------------------------

Json to_json(const Checkpoint& c, bool apart) {
  const Place& p = c.place;
  Json settings = Json::object();
  for (const auto& [name, text] : c.settings) settings.add(name, text);
  return {{"version", apart ? version_apart : version},
          {"optimizer", c.optimizer},
          {"seed", c.seed},
          {"offset", c.offset},
          {"settings", std::move(settings)},
          {"loader",
           {{"seed", c.loader.seed},
            {"epoch", c.loader.epoch},
            {"position", c.loader.position},
            {"samples", c.loader.samples}}},
          {"place",
           {{"epoch", p.epoch},
            {"step", p.step},
            {"global_step", p.global_step},
            {"skipped_steps", p.skipped_steps},
            {"accumulate", p.accumulate},
            {"loss", detail::number(p.loss)},
            {"norm", detail::number(p.norm)},
            {"samples", p.samples},
            {"steps", p.steps},
            {"lr", detail::number(p.lr)},
            {"seconds", detail::number(p.seconds)}}}};
}

Place read_place(const Value& o) {
  o.allow({"epoch", "step", "global_step", "skipped_steps", "accumulate", "loss", "norm", "samples",
           "steps", "lr", "seconds"});
  Place p;
  p.epoch = o.at("epoch").whole(1, most_counted);
  p.global_step = o.at("global_step").whole(0, most_counted);
  p.step = o.at("step").whole(0, p.global_step);
  p.skipped_steps = o.at("skipped_steps").whole(0, p.global_step);
  p.accumulate = o.at("accumulate").whole(1, most_counted);
  p.loss = o.at("loss").number();
  p.norm = o.at("norm").number();
  p.samples = o.at("samples").whole(0, most_counted);
  p.steps = o.at("steps").whole(0, p.step);
  p.lr = o.at("lr").number();
  p.seconds = o.at("seconds").finite();
  if (p.seconds < 0) o.at("seconds").refuse("0 or more");
  return p;
}

data::LoaderState read_loader(const Value& o) {
  o.allow({"seed", "epoch", "position", "samples"});
  data::LoaderState loader;
  loader.seed = o.at("seed").bits();
  loader.epoch = o.at("epoch").whole(0, most_counted);
  loader.samples = o.at("samples").whole(0, most_counted);
  loader.position = o.at("position").whole(0, most_counted);
  return loader;
}

Index read_version(const Value& run) {
  const Index found = run.at("version").whole(1, most_counted);
  if (found != version && found != version_apart)
    run.at("version").refuse("version " + text_of(version) + " or " + text_of(version_apart) +
                             ", which this program reads,");
  return found;
}

HistoryPlace read_place_of_history(const Value& o) {
  o.allow({"file", "bytes", "crc"});
  return {.file = o.at("file").text(),
          .bytes = o.at("bytes").whole(1, most_counted),
          .crc = static_cast<std::uint32_t>(o.at("crc").whole(0, 0xffffffff))};
}

void read_run(const Value& o, Checkpoint& c) {
  read_version(o);
  o.allow({"version", "optimizer", "seed", "offset", "settings", "loader", "place"});
  c.optimizer = o.at("optimizer").text();
  c.seed = o.at("seed").bits();
  c.offset = o.at("offset").bits();
  c.loader = read_loader(o.at("loader"));
  c.place = read_place(o.at("place"));
  if (const auto settings = o.find("settings"))
    for (const auto& [name, value] : settings->members()) c.settings[name] = value.text();
}

// ---- names of tensors --------------------------------------------------------------------------

void add(io::NamedTensors& to, const std::string& group,
         const std::map<std::string, Tensor>& from) {
  for (const auto& [name, tensor] : from) to.emplace_back(own_prefix + group + "/" + name, tensor);
}

/// Takes "group/" off the front of a name.
bool take_group(std::string& name, const std::string& group) {
  if (!name.starts_with(group + "/")) return false;
  name.erase(0, group.size() + 1);
  return true;
}

/// Puts a tensor where its name says; false if that is no part of a checkpoint.
bool sort_in(std::string name, const Tensor& tensor, Checkpoint& c) {
  if (!take_group(name, "gradus")) {
    c.weights[name] = tensor;
  } else if (take_group(name, "best")) {
    c.best[name] = tensor;
  } else if (take_group(name, "tensor")) {
    c.tensors[name] = tensor;
  } else {
    if (!take_group(name, "state")) return false;
    const std::size_t slash = name.find('/');
    const auto part = c.states.find(name.substr(0, slash));
    if (slash == std::string::npos || part == c.states.end()) return false;
    part->second[name.substr(slash + 1)] = tensor;
  }
  return true;
}

void save(const std::string& path, const Checkpoint& c, bool apart) {
  io::NamedTensors tensors;
  for (const auto& [name, tensor] : c.weights) {
    if (name.starts_with(own_prefix))
      fail("save_checkpoint", "a weight is called ", quote(name), "; names that begin with ",
           quote(own_prefix), " are taken; rename the module");
    tensors.emplace_back(name, tensor);
  }
  add(tensors, "best", c.best);
  add(tensors, "tensor", c.tensors);
  io::Metadata metadata{{"format", "pt"}, {"gradus.run", detail::dump(to_json(c, apart))}};
  Json parts = Json::array();
  for (const auto& [part, state] : c.states) {
    if (part.empty() || part.find('/') != std::string::npos)
      fail("save_checkpoint", "a part of the state is called ", quote(part),
           "; a name without \"/\" is required; rename the callback");
    add(tensors, "state/" + part, state);
    parts.push_back(part);
  }
  Json history = Json::array(), findings = Json::array();
  if (apart)
    history = {{"file", c.appended.file}, {"bytes", c.appended.bytes}, {"crc", c.appended.crc}};
  else
    for (const Epoch& epoch : c.history) history.push_back(detail::to_json(epoch));
  for (const Finding& finding : c.findings) findings.push_back(detail::to_json(finding));
  metadata.emplace_back("gradus.states", detail::dump(parts));
  metadata.emplace_back("gradus.history", detail::dump(history));
  metadata.emplace_back("gradus.findings", detail::dump(findings));
  for (const auto& [name, text] : c.texts) metadata.emplace_back("gradus.text." + name, text);
  io::write_safetensors(path, tensors, metadata);
}

}  // namespace

void save_checkpoint(const std::string& path, const Checkpoint& c) { save(path, c, false); }

void detail::save_with_history(const std::string& path, const Checkpoint& c) {
  save(path, c, true);
}

void detail::read_epochs(const Value& list, Checkpoint& c) {
  for (const Value& item : list.items()) {
    c.history.push_back(detail::read_epoch(item));
    const std::size_t n = c.history.size();
    const Index least = n > 1 ? c.history[n - 2].epoch + 1 : 1;
    item.at("epoch").whole(least, c.place.epoch - 1);
  }
}

Checkpoint parse_checkpoint(const io::SafeTensors& file, const std::string& name) {
  constexpr const char* operation = "load_checkpoint";
  if (file.text("gradus.run").empty())
    fail(operation, printable(name),
         ": the file has no metadata \"gradus.run\"; a checkpoint that "
         "gradus wrote is required; for weights alone use read_safetensors");
  const auto document = [&](const char* key) {
    return Value(operation, name, key, file.text(key));
  };
  Checkpoint c;
  read_run(document("gradus.run"), c);
  for (const std::string& part : document("gradus.states").texts(true))
    c.states[part];  // parts without any tensor, too
  const Value history = document("gradus.history");
  if (read_version(document("gradus.run")) == version)
    detail::read_epochs(history, c);
  else
    c.appended = read_place_of_history(history);
  for (const Value& finding : document("gradus.findings").items())
    c.findings.push_back(detail::read_finding(finding));
  for (const auto& [key, text] : file.metadata)
    if (key.starts_with("gradus.text.")) c.texts[key.substr(12)] = text;
  for (const auto& [key, tensor] : file.tensors)
    if (!sort_in(key, tensor, c))
      fail(operation, printable(name), ": the tensor ", quote(key),
           " belongs to no part that is known; a checkpoint that is complete and "
           "of this version of gradus is required; is the file damaged?");
  if (!c.appended.file.empty()) detail::read_history(name, c);
  return c;
}

Checkpoint load_checkpoint(const std::string& path) {
  return parse_checkpoint(io::read_safetensors(path), path);
}

std::string compare_weights(const nn::StateDict& weights, const nn::Module& model) {
  const nn::StateDict own = model.state_dict();
  std::string faults;
  const auto describe = [](const Tensor& t) { return compose(t.shape(), " ", name_of(t.dtype())); };
  for (const auto& [name, tensor] : own) {
    const auto found = weights.find(name);
    if (found == weights.end())
      faults += compose("; missing: ", name, " ", describe(tensor));
    else if (describe(found->second) != describe(tensor))
      faults += compose("; ", name, " is ", describe(found->second), "; ", describe(tensor),
                        " is required");
  }
  for (const auto& [name, tensor] : weights)
    if (!own.contains(name)) faults += compose("; unexpected: ", name, " ", describe(tensor));
  return faults.empty() ? "" : faults.substr(2);
}

}  // namespace gradus::train
