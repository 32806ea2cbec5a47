#include "gradus/nn/summary.hpp"

#include <algorithm>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "nn/guards.hpp"

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

}  // namespace

std::string summary(Module& model, const Shape& input_shape, DType dtype) {
  const std::vector<NamedModule> modules = model.named_modules();
  std::vector<std::string> shapes(modules.size(), "-");  // of the outputs
  {
    const NoGrad guard;
    const Finally mode = detail::evaluation_mode(model);
    std::vector<Finally> hooks;
    for (std::size_t i = 0; i < modules.size(); ++i)
      hooks.push_back(detail::forward_hook(
          *modules[i].module, [&shape = shapes[i]](const Module&, const Tensor&, const Tensor& y) {
            shape = to_string(y.shape());
            return Tensor();
          }));
    model(zeros(input_shape, dtype));
  }
  std::vector<Line> lines{{"module", "kind", "output", "parameters"}};
  NamedTensors counted;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const auto& [name, module] = modules[i];
    Index own = 0;
    for (const auto& parameter : module->own_parameters()) {
      const bool known = std::any_of(counted.begin(), counted.end(), [&](const auto& other) {
        return other.second.is(parameter.second);
      });
      if (known) continue;
      counted.push_back(parameter);
      own += parameter.second.numel();
    }
    lines.push_back(
        {name.empty() ? "(model)" : name, module->describe(), shapes[i], own ? grouped(own) : "-"});
  }
  const Index trainable = model.num_parameters({.trainable_only = true}),
              total = model.num_parameters();
  return compose(table(lines), "parameters: ", grouped(total), ", trainable: ", grouped(trainable),
                 "\n");
}

}  // namespace gradus::nn
