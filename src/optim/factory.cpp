#include <algorithm>

#include "base/messages.hpp"
#include "gradus/optim.hpp"

namespace gradus::optim {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Optimizer> (*make)(const std::vector<Tensor>& params);
  NamedOptions presets = {};
};

template <class O>
std::unique_ptr<Optimizer> make(const std::vector<Tensor>& params) {
  return std::make_unique<O>(params);
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> list = {
      {"sgd", make<SGD>},
      {"momentum", make<SGD>, {{"momentum", 0.9}}},
      {"nesterov", make<SGD>, {{"momentum", 0.9}, {"nesterov", 1}}},
      {"adagrad", make<Adagrad>},
      {"adadelta", make<Adadelta>},
      {"rmsprop", make<RMSprop>},
      {"adam", make<Adam>},
      {"amsgrad", make<Adam>, {{"amsgrad", 1}}},
      {"adamw", make<AdamW>},
      {"adamax", make<Adamax>},
      {"nadam", make<NAdam>},
      {"radam", make<RAdam>},
      {"lion", make<Lion>},
      {"muon", make<Muon>},
      {"lbfgs", make<LBFGS>},
  };
  return list;
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name,
                                          const std::vector<Tensor>& params,
                                          const NamedOptions& options) {
  for (const Entry& entry : entries()) {
    if (name != entry.name) continue;
    auto optimizer = entry.make(params);
    NamedOptions all = options;
    all.insert(entry.presets.begin(), entry.presets.end());
    optimizer->configure(all);
    return optimizer;
  }
  fail("make_optimizer", "\"", name,
       "\" was given; one of these is required: ", join(optimizer_names()));
}

void Optimizer::configure(const NamedOptions& values) {
  for (std::size_t group = 0; group < num_groups(); ++group) {
    std::vector<Option> options = group_options(group);
    for (const auto& [name, value] : values) {
      const auto known =
          std::find_if(options.begin(), options.end(),
                       [&wanted = name](const Option& o) { return o.name == wanted; });
      if (known == options.end())
        fail("make_optimizer", "option \"", name, "\" was given to ", name_,
             "; it has these: ", join(options, std::string::npos, &Option::name));
      known->value = value;
    }
    set_group_options(group, options);
    initial_lr_[group] = lr_of(group);
  }
}

}  // namespace gradus::optim
