#include <cmath>

#include "base/memory_error.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/debug.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "train/loop/evaluation.hpp"
#include "train/watch/diagnosis.hpp"

namespace gradus::train::detail {

namespace {

/// Rows (first axis) with a value that is not finite.
std::vector<Index> bad_rows(const Tensor& x) {
  std::vector<Index> rows;
  if (!x.defined() || !is_floating_point(x.dtype()) || x.dim() < 1 || x.numel() == 0) return rows;
  const Tensor good = all(isfinite(x.detach().reshape({x.size(0), -1})), {1});
  for (Index i = 0; i < good.numel(); ++i)
    if (!good.data<bool>()[i]) rows.push_back(i);
  return rows;
}

/// "rows 3, 17 of the batch", at most eight of them.
std::string text_of_rows(const std::vector<Index>& rows, Index of) {
  if (static_cast<Index>(rows.size()) == of) return "all rows of the batch";
  std::string out = rows.size() == 1 ? "row" : "rows";
  for (std::size_t i = 0; i < rows.size() && i < 8; ++i) out += (i ? ", " : " ") + text_of(rows[i]);
  if (rows.size() > 8) out += compose(" and ", rows.size() - 8, " more");
  return out + " of the batch";
}

/// What anomaly mode says about the step, "" if it finds nothing.
std::string replay(Context& run, std::uint64_t seed, std::uint64_t offset) {
  if (!run.loss_of) return "";
  const Finally random = same_random();
  std::vector<std::pair<Tensor, Tensor>> buffers;
  for (const auto& [name, buffer] : run.model.named_buffers())
    buffers.emplace_back(buffer, buffer.detach().clone());
  const Finally put_back([&buffers] {
    const NoGrad guard;
    for (auto& [buffer, value] : buffers) buffer.copy_(value);
  });
  default_generator().set_state(seed, offset);
  std::vector<Tensor> parameters;
  for (const Tensor& p : run.model.parameters())
    if (p.requires_grad()) parameters.push_back(p);
  return gradus::detail::failure_of([&] {
    const EnableGrad recording;
    const DetectAnomaly guard;
    const Tensor loss = (*run.loss_of)(run.model(run.input), run.target);
    grad(loss, parameters, {.allow_unused = true});
  });
}

/// "encoder.fc1" of "… in module 'encoder.fc1' …".
std::string module_in(const std::string& text) {
  const std::string before = " in module '";
  const auto from = text.find(before);
  if (from == std::string::npos) return "";
  const auto start = from + before.size();
  return text.substr(start, text.find('\'', start) - start);
}

}  // namespace

Finding blame_non_finite(Context& run, std::uint64_t seed, std::uint64_t offset) {
  const std::string what = !std::isfinite(run.loss) ? "The loss became " + rounded(run.loss)
                                                    : "The gradient is not finite";
  Finding finding{.kind = "non_finite"};
  const auto say = [&](const std::string& reason) {
    finding.text = compose(what, " ", when(run), ": ", reason);
    return finding;
  };
  const Index batch = run.input.defined() && run.input.dim() > 0 ? run.input.size(0) : 0;
  for (const auto& [tensor, name] :
       {std::pair{run.input, "inputs"}, std::pair{run.target, "targets"}})
    if (const auto rows = bad_rows(tensor); !rows.empty())
      return say("the " + std::string(name) + " hold values that are not finite in " +
                 text_of_rows(rows, batch) + "; remove or replace them before training.");
  for (const auto& [name, parameter] : run.model.named_parameters())
    if (!bad_rows(parameter.reshape({1, -1})).empty()) {
      finding.where = name;
      return say("the parameter " + name +
                 " is not finite after the update before; lower the learning rate from " +
                 rounded(run.optimizer.lr()) + ", and clip the gradient's norm.");
    }
  const auto rows = bad_rows(run.output);
  const std::string where_rows = rows.empty()
                                     ? "the model's output is finite"
                                     : "the output is not finite in " + text_of_rows(rows, batch);
  const std::string message = replay(run, seed, offset);
  if (message.empty())
    return say(where_rows +
               ", and no single operation could be found; lower the learning rate, and look at the "
               "loss function.");
  finding.where = module_in(message);
  return say(without_operation(message) + " (" + where_rows + ").");
}

}  // namespace gradus::train::detail
