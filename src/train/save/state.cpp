#include "train/save/state.hpp"

#include <cmath>

#include "base/messages.hpp"

namespace gradus::train::detail {

std::vector<double> State::numbers(const std::string& key, Index count) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.defined()) refuse(key, "is missing");
  taken_.insert(key);
  const Tensor& tensor = found->second;
  if (dtype_ && tensor.dtype() != *dtype_)
    refuse(key, std::string("is ") + name_of(tensor.dtype()) + " instead of " + name_of(*dtype_));
  if (tensor.dim() > 2)
    refuse(key, "has the shape " + to_string(tensor.shape()) + " instead of a list's or a table's");
  if (count != any && tensor.numel() != count)
    refuse(key, "has " + text_of(tensor.numel()) + " numbers instead of " + text_of(count));
  return tensor.to_vector<double>();
}

Index State::whole_of(const std::string& key, double value, Index least, Index most) const {
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most)) ||
      value != std::floor(value))
    refuse(key, "has the number " + text_of(value) + "; whole ones from " + text_of(least) +
                    " to " + text_of(most) + " are required");
  return static_cast<Index>(value);
}

std::vector<Index> State::wholes(const std::string& key, Index count, Index least, Index most) {
  std::vector<Index> all;
  for (const double value : numbers(key, count)) all.push_back(whole_of(key, value, least, most));
  return all;
}

std::vector<std::string> State::names(const std::string& start) const {
  std::vector<std::string> all;
  for (auto entry = entries_.lower_bound(start);
       entry != entries_.end() && entry->first.starts_with(start); ++entry)
    all.push_back(entry->first);
  return all;
}

void State::refuse(const std::string& key, const std::string& why) const {
  fail(operation_, "entry \"", printable(key), "\" ", why, "; the state of a ", owner_,
       " is required; is the file damaged?");
}

void State::finish() const {
  for (const auto& [key, tensor] : entries_)
    if (!taken_.contains(key)) refuse(key, "is not known");
}

}  // namespace gradus::train::detail
