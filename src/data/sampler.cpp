#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/messages.hpp"
#include "gradus/data/loader.hpp"

namespace gradus::data {
namespace {

std::size_t count_of(Index n) { return static_cast<std::size_t>(n); }

/// Sums of the weights up to each sample; throws unless they are finite, 0 or more, not all 0.
std::vector<double> cumulative(const Tensor& weights, Index n) {
  const std::string need = "; one finite weight of 0 or more a sample is required, not all 0";
  if (!weights.defined() || weights.dim() != 1 || weights.size(0) != n)
    fail("DataLoader", "the sampler \"weighted\" was given weights of shape ",
         (weights.defined() ? to_string(weights.shape()) : "(none)"), " for ", n, " samples", need);
  std::vector<double> sums = weights.to_vector<double>();
  double sum = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!(sums[i] >= 0) || !std::isfinite(sums[i]))
      fail("DataLoader", "the weight of sample ", i, " is ", sums[i], need);
    sum += sums[i];
    sums[i] = sum;
  }
  if (!(sum > 0) || !std::isfinite(sum)) fail("DataLoader", "the weights add up to ", sum, need);
  return sums;
}

}  // namespace

std::vector<Index> sample_order(const std::string& sampler, Index n, Generator& generator,
                                const Tensor& weights, Index num_samples) {
  const bool replaces = sampler == "replacement" || sampler == "weighted";
  if (!replaces && sampler != "sequential" && sampler != "random")
    fail("DataLoader", "unknown sampler \"", sampler,
         "\"; valid names: sequential, random, replacement, weighted");
  if (num_samples < -1 || (num_samples != -1 && !replaces))
    fail("DataLoader", "num_samples = ", num_samples, " with the sampler \"", sampler,
         "\"; only replacement and weighted take one, of 0 or more");
  if (weights.defined() && sampler != "weighted")
    fail("DataLoader", "weights were given with the sampler \"", sampler,
         "\", which has no use for them; set .sampler = \"weighted\"");
  std::vector<Index> order(count_of(num_samples == -1 ? n : num_samples));
  if (!replaces) {
    std::iota(order.begin(), order.end(), Index{0});
    if (sampler == "random")
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[count_of(static_cast<Index>(generator.below(i)))]);
    return order;
  }
  if (n == 0 && !order.empty())
    fail("DataLoader", "an empty data set cannot be sampled with replacement; give it samples");
  if (sampler == "replacement") {
    for (Index& i : order) i = static_cast<Index>(generator.below(static_cast<std::uint64_t>(n)));
    return order;
  }
  const std::vector<double> sums = cumulative(weights, n);
  for (Index& i : order) {
    const auto at = std::upper_bound(sums.begin(), sums.end(), generator.uniform() * sums.back());
    // Rounding up to the total would point behind the last sample that has a weight.
    i = at != sums.end() ? at - sums.begin()
                         : std::lower_bound(sums.begin(), sums.end(), sums.back()) - sums.begin();
  }
  return order;
}

}  // namespace gradus::data
