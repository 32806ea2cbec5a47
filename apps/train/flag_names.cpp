// Messages of the library name its members; whoever uses the command has flags.
#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "command_line.hpp"

using namespace gradus;

namespace {

/// What is more than the name of a setting.
constexpr std::pair<std::string_view, std::string_view> phrases[] = {
    {".encoding = Encoding::windows1252, or latin1,", "--encoding windows-1252, or latin-1,"},
    {".encoding = Encoding::latin1", "--encoding latin-1"},
    {".header = false", "--header no"},
    {"missing values: drop, mean, median or mode",
     "missing values: --missing drop, mean, median or mode"},
    {"name their file with labels", "name their file with --labels"},
    {"Leave the column out,", "Leave the column out with --ignore,"},
    {"leave the column out", "leave the column out with --ignore"},
    {"choose another target column", "choose another --target"},
    {"set the target to \"none\"", "choose another --target"},
    {"(LoaderOptions::shuffle)", "(--sampler random)"},
    {"(StandardScaler)", "(--scaler standard)"},
    {"nn::init::for_activation_", "--init auto"},
    {"(nn::init)", "(--init auto)"},
    {"set merge_last_of_one or drop_last", "choose another --batch-size"},
    {"is drop_last set?", "is the training part empty?"},
    {"is the training part empty, or does drop_last leave all samples out?",
     "is the training part empty?"},
    {"end with LogSoftmax", "end with --output log_softmax"},
    {"let the learning rate finder choose", "let train find-lr choose"},
    {", or pass strict = false to load what fits", "; is the file damaged?"},
    {"; use it in forward(), or freeze it with requires_grad_(false)",
     "; look at the layers behind it"},
    {"bce_with_logits", "bce"},
    {"ema_decay", "--ema"},
    {"checkpoint.path = ", "--run, "},
    {"monitor = \"validation_accuracy\"", "--monitor accuracy"},
    {"monitor = \"validation_loss\"", "--monitor loss"},
    {"monitor \"train_loss\"", "choose --monitor train_loss"},
};

const std::set<std::string>& setting_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const train::Setting& setting : train::settings()) all.insert(setting.name);
    return all;
  }();
  return names;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Replaces phrases and names of members, the latter not within quotes.
class Translation {
 public:
  explicit Translation(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size())
      if (!phrase() && !quoted() && !member()) out_ += text_[at_++];
    return std::move(out_);
  }

 private:
  char before(std::size_t at) const { return at == 0 ? ' ' : text_[at - 1]; }
  char after(std::size_t at) const { return at < text_.size() ? text_[at] : ' '; }

  bool phrase() {
    if (is_word(before(at_)) && is_word(text_[at_])) return false;
    for (const auto& [from, to] : phrases)
      if (text_.substr(at_, from.size()) == from &&
          !(is_word(from.back()) && is_word(after(at_ + from.size())))) {
        out_ += to;
        at_ += from.size();
        return true;
      }
    return false;
  }

  /// What begins with a quote, but for one within a path.
  bool quoted() {
    if (text_[at_] != '"' || is_word(before(at_))) return false;
    const std::size_t close = std::min(text_.find('"', at_ + 1), text_.size() - 1);
    out_ += text_.substr(at_, close + 1 - at_);
    at_ = close + 1;
    return true;
  }

  /// "batch_size", ".decimal" and "momentum =", but no part of a path.
  bool member() {
    const bool dotted = text_[at_] == '.';
    const std::size_t begin = at_ + (dotted ? 1 : 0);
    std::size_t end = begin;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (end == begin) return false;
    const bool inside = before(at_) == '/' || before(at_) == '[' || before(at_) == '-' ||
                        is_word(before(at_)) || after(end) == '/' || after(end) == '-' ||
                        (after(end) == '.' && is_word(after(end + 1))) ||
                        (!dotted && before(at_) == '.');
    std::string name(text_.substr(begin, end - begin));
    const bool assigned = text_.substr(end, 3) == " = ";
    const bool is_member = dotted || assigned || name.find('_') != name.npos;
    std::replace(name.begin(), name.end(), '_', '-');
    if (inside || !is_member || !setting_names().contains(name)) {
      out_ += text_.substr(at_, end - at_);
      at_ = end;
      return true;
    }
    out_ += "--" + name;
    at_ = end;
    if (!assigned) return true;
    out_ += ' ';
    at_ += 3;
    if (after(at_) == '\'' && after(at_ + 2) == '\'') {  // the character alone
      out_ += text_[at_ + 1];
      at_ += 3;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string in_flags(const std::string& message) { return Translation(message).run(); }
