#include "gradus/train/checkpoint.hpp"

#include <nlohmann/json.hpp>

#include "io/csv_scan.hpp"
#include "train/save/json.hpp"

namespace gradus::train {
namespace {

using detail::json;
using io::detail::quote;

constexpr const char* prefix = "gradus/";
constexpr int version = 1;

// ---- what stands in the metadata ---------------------------------------------------------------

json to_json(const Checkpoint& c) {
  const Place& p = c.place;
  return {{"version", version},
          {"optimizer", c.optimizer},
          {"seed", c.seed},
          {"offset", c.offset},
          {"settings", c.settings},
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

json to_json(const Finding& f) {
  return {{"kind", f.kind},   {"alarm", f.alarm}, {"where", f.where},
          {"epoch", f.epoch}, {"step", f.step},   {"text", f.text}};
}

/// Reads fields of an object by name and type.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}
  template <class T>
  Fields& get(const char* key, T& value) {
    object_.at(key).get_to(value);
    return *this;
  }
  Fields& get(const char* key, double& value) {
    value = detail::number(object_.at(key));
    return *this;
  }

 private:
  const json& object_;
};

void read_run(const json& j, Checkpoint& c) {
  Fields(j).get("optimizer", c.optimizer).get("seed", c.seed).get("offset", c.offset);
  Fields(j.at("loader"))
      .get("seed", c.loader.seed)
      .get("epoch", c.loader.epoch)
      .get("position", c.loader.position)
      .get("samples", c.loader.samples);
  if (j.contains("settings")) j.at("settings").get_to(c.settings);
  Place& p = c.place;
  Fields(j.at("place"))
      .get("epoch", p.epoch)
      .get("step", p.step)
      .get("global_step", p.global_step)
      .get("skipped_steps", p.skipped_steps)
      .get("accumulate", p.accumulate)
      .get("loss", p.loss)
      .get("norm", p.norm)
      .get("samples", p.samples)
      .get("steps", p.steps)
      .get("lr", p.lr)
      .get("seconds", p.seconds);
  if (p.epoch < 1 || p.step < 0 || p.global_step < p.step)
    throw std::runtime_error("epoch " + text_of(p.epoch) + ", step " + text_of(p.step) +
                             " is no place in a run");
}

Finding read_finding(const json& j) {
  Finding f;
  Fields(j)
      .get("kind", f.kind)
      .get("alarm", f.alarm)
      .get("where", f.where)
      .get("epoch", f.epoch)
      .get("step", f.step)
      .get("text", f.text);
  return f;
}

// ---- names of tensors --------------------------------------------------------------------------

void add(io::NamedTensors& to, const std::string& group,
         const std::map<std::string, Tensor>& from) {
  for (const auto& [name, tensor] : from) to.emplace_back(prefix + group + "/" + name, tensor);
}

/// Takes "group/" off the front of a name.
bool take_group(std::string& name, const std::string& group) {
  if (!name.starts_with(group + "/")) return false;
  name.erase(0, group.size() + 1);
  return true;
}

void sort_in(std::string name, const Tensor& tensor, Checkpoint& c) {
  if (!take_group(name, "gradus")) {
    c.weights[name] = tensor;
  } else if (take_group(name, "best")) {
    c.best[name] = tensor;
  } else if (take_group(name, "tensor")) {
    c.tensors[name] = tensor;
  } else if (take_group(name, "state") && name.find('/') != std::string::npos) {
    const std::size_t slash = name.find('/');
    c.states[name.substr(0, slash)][name.substr(slash + 1)] = tensor;
  } else {
    throw std::runtime_error("the tensor gradus/" + name + " belongs to no part that is known");
  }
}

}  // namespace

void save_checkpoint(const std::string& path, const Checkpoint& c) {
  io::NamedTensors tensors;
  for (const auto& [name, tensor] : c.weights) {
    if (name.starts_with(prefix))
      fail("save_checkpoint", "a weight is called " + quote(name) + "; names that begin with " +
                                  quote(prefix) + " are taken; rename the module");
    tensors.emplace_back(name, tensor);
  }
  add(tensors, "best", c.best);
  add(tensors, "tensor", c.tensors);
  io::Metadata metadata{{"format", "pt"}, {"gradus.run", to_json(c).dump()}};
  json parts = json::array();
  for (const auto& [part, state] : c.states) {
    if (part.empty() || part.find('/') != std::string::npos)
      fail("save_checkpoint", "a part of the state is called " + quote(part) +
                                  "; a name without \"/\" is required; rename the callback");
    add(tensors, "state/" + part, state);
    parts.push_back(part);
  }
  json history = json::array(), findings = json::array();
  for (const Epoch& epoch : c.history) history.push_back(detail::to_json(epoch));
  for (const Finding& finding : c.findings) findings.push_back(to_json(finding));
  metadata.emplace_back("gradus.states", parts.dump());
  metadata.emplace_back("gradus.history", history.dump());
  metadata.emplace_back("gradus.findings", findings.dump());
  for (const auto& [name, text] : c.texts) metadata.emplace_back("gradus.text." + name, text);
  io::write_safetensors(path, tensors, metadata);
}

Checkpoint parse_checkpoint(const io::SafeTensors& file, const std::string& name) {
  if (file.text("gradus.run").empty())
    fail("load_checkpoint", name +
                                ": the file has no metadata \"gradus.run\"; a checkpoint that "
                                "gradus wrote is required; for weights alone use read_safetensors");
  Checkpoint c;
  try {
    const json run = json::parse(file.text("gradus.run"));
    if (const auto found = run.at("version").get<int>(); found != version)
      throw std::runtime_error("it is of version " + text_of(found) + "; this program reads " +
                               text_of(version));
    read_run(run, c);
    // Parts without any tensor, too.
    for (const json& part : json::parse(file.text("gradus.states")))
      c.states[part.get<std::string>()];
    for (const json& epoch : json::parse(file.text("gradus.history")))
      c.history.push_back(detail::read_epoch(epoch));
    for (const json& finding : json::parse(file.text("gradus.findings")))
      c.findings.push_back(read_finding(finding));
    for (const auto& [key, text] : file.metadata)
      if (key.starts_with("gradus.text.")) c.texts[key.substr(12)] = text;
    for (const auto& [key, tensor] : file.tensors) sort_in(key, tensor, c);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail("load_checkpoint", name + ": " + error.what() +
                                "; a checkpoint that is complete and of this "
                                "version of gradus is required");
  }
  return c;
}

Checkpoint load_checkpoint(const std::string& path) {
  return parse_checkpoint(io::read_safetensors(path), path);
}

std::string compare_weights(const nn::StateDict& weights, const nn::Module& model) {
  const nn::StateDict own = model.state_dict();
  std::string faults;
  const auto describe = [](const Tensor& t) {
    return to_string(t.shape()) + " " + name_of(t.dtype());
  };
  for (const auto& [name, tensor] : own) {
    const auto found = weights.find(name);
    if (found == weights.end())
      faults += "; missing: " + name + " " + describe(tensor);
    else if (describe(found->second) != describe(tensor))
      faults += "; " + name + " is " + describe(found->second) + "; " + describe(tensor) +
                " is required";
  }
  for (const auto& [name, tensor] : weights)
    if (!own.contains(name)) faults += "; unexpected: " + name + " " + describe(tensor);
  return faults.empty() ? "" : faults.substr(2);
}

}  // namespace gradus::train
