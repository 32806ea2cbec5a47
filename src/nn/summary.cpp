#include "gradus/nn/summary.hpp"

#include <algorithm>

#include "gradus/autograd.hpp"

namespace gradus::nn {

namespace {

using Line = std::vector<std::string>;

/// 1234567 as "1,234,567".
std::string grouped(Index number) {
  std::string text = text_of(number);
  for (auto at = static_cast<Index>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string table(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths(lines[0].size());
  for (const Line& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string out;
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string space(widths[i] - line[i].size(), ' ');
      const bool number = i + 1 == line.size();  // the last column is aligned at the right
      out += number ? space + line[i] : line[i] + space + "  ";
    }
    out += "\n";
  }
  return out;
}

/// The shapes of outputs, seen by hooks while it lives.
struct Watch {
  struct Seen {
    NamedModule entry;
    int hook;
    bool training;
    std::string shape;
  };
  std::vector<Seen> seen;

  explicit Watch(Module& model) {
    for (const NamedModule& entry : model.named_modules())
      seen.push_back({entry, 0, entry.module->is_training(), "-"});
    for (Seen& one : seen)
      one.hook = one.entry.module->register_forward_hook(
          [&one](const Module&, const Tensor&, const Tensor& out) {
            one.shape = to_string(out.shape());
            return Tensor();
          });
  }
  ~Watch() {
    // Parents come first, and set the flags of everything below them.
    for (Seen& one : seen) {
      one.entry.module->remove_forward_hook(one.hook);
      one.entry.module->train(one.training);
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

}  // namespace

std::string summary(Module& model, const Shape& input_shape, DType dtype) {
  Watch watch(model);
  {
    const NoGrad guard;
    model.eval();
    model(zeros(input_shape, dtype));
  }
  std::vector<Line> lines{{"module", "kind", "output", "parameters"}};
  NamedTensors counted;
  for (const auto& one : watch.seen) {
    Index own = 0;
    for (const auto& parameter : one.entry.module->own_parameters()) {
      const bool known = std::any_of(counted.begin(), counted.end(), [&](const auto& other) {
        return other.second.is(parameter.second);
      });
      if (known) continue;
      counted.push_back(parameter);
      own += parameter.second.numel();
    }
    const bool root = one.entry.name.empty();
    lines.push_back({root ? "(model)" : one.entry.name, one.entry.module->describe(), one.shape,
                     own ? grouped(own) : "-"});
  }
  const Index trainable = model.num_parameters({.trainable_only = true}),
              total = model.num_parameters();
  return table(lines) + "parameters: " + grouped(total) + ", trainable: " + grouped(trainable) +
         "\n";
}

}  // namespace gradus::nn
