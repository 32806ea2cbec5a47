#include "functional/watch.hpp"

#include <algorithm>
#include <cstring>

#include "base/messages.hpp"
#include "kernels/move/copy.hpp"

namespace gradus::detail {

namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t more) {
  hash = (hash ^ more) * 0x9E3779B97F4A7C15;
  return hash ^ hash >> 29;
}

/// A handle that keeps the memory, and no history.
Tensor held(Node* n) {
  const Tensor t = Node::share(n);
  return n->record && !n->is_inline() ? alias(t, t.shape()) : t;
}

struct Bytes {
  void* first;
  Index count;
};
Bytes bytes_of(Node* n) {
  if (n->is_inline()) return {n->value, static_cast<Index>(size_of(n->dtype))};
  return {n->buffer->data, static_cast<Index>(n->buffer->bytes)};
}

Tensor copy_of(Bytes from) {
  Tensor copy = empty({from.count}, boolean);
  kernels::run(kernels::Copy{boolean, from.first, data(copy), from.count});
  return copy;
}

std::atomic<std::uint32_t>& version_of(Node* n) {
  return n->is_inline() ? n->inline_version : n->buffer->version;
}

}  // namespace

const void* memory_of(const Node* n) {
  return n->is_inline() ? static_cast<const void*>(n) : n->buffer;
}

std::uint64_t fingerprint(const Node* n) {
  const auto* at = static_cast<const std::byte*>(n->data);
  const std::size_t bytes = static_cast<std::size_t>(n->numel) * size_of(n->dtype);
  // Four sums side by side, whose steps do not wait for each other.
  std::uint64_t a = 1, b = 2, c = 3, d = 4, word[4];
  const auto add = [&] {
    a = mixed(a, word[0]), b = mixed(b, word[1]), c = mixed(c, word[2]), d = mixed(d, word[3]);
  };
  std::size_t i = 0;
  for (; i + sizeof word <= bytes; i += sizeof word) {
    std::memcpy(word, at + i, sizeof word);
    add();
  }
  std::memset(word, 0, sizeof word);
  std::memcpy(word, at + i, bytes - i);
  add();
  return mixed(mixed(mixed(mixed(bytes, a), b), c), d);
}

// ------------------------------------------------------------------ what is heard

// Outer observers come first: one that calls again may replace the rule of the last operation.

void Watch::made(Node* n) {
  if (outer_) outer_->made(n);
  settle();
  made_[n] = 0;
  if (!n->is_inline() && n->buffer->refs.unique()) made_[n->buffer] = 0;
}

void Watch::close() {
  settle();
  for (const auto& [memory, operation] : made_) journal_.made.push_back(memory);
  std::sort(journal_.made.begin(), journal_.made.end());
}

void Watch::reads(const Inputs& inputs) {
  if (outer_) outer_->reads(inputs);
  enter(inputs);
}

void Watch::host_reads(const HostRead& read) {
  if (outer_) outer_->host_reads(read);
  if (read.values) enter({*read.values});
  if (!read.flag) return;
  for (const Journal::Flag& known : journal_.flags)
    if (known.flag == read.flag) return;
  journal_.flags.push_back({read.flag, *read.flag});
}

void Watch::enter(const Inputs& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Node* const n = node(inputs[i]);
    const void* const memory = memory_of(n);
    if (is_own(memory) || journal_.used.contains(memory)) continue;
    const Observing none(nullptr);
    const NoGrad guard;
    journal_.used.emplace(memory, Journal::Used{held(n), n->version()});
  }
}

/// A number that is the same in the repetition: of what gets a gradient, which one it is; of
/// constants, which may be made anew or only once, their values.
std::uint64_t Watch::origin_of(const Node* input) const {
  const auto found = made_.find(input);
  if (found != made_.end() && input->record) return found->second;
  if (found == made_.end() && input->requires_grad) return reinterpret_cast<std::uintptr_t>(input);
  return fingerprint(input);
}

void Watch::recorded(Node* n) {
  if (outer_) outer_->recorded(n);
  settle();  // of the one before
  Record& record = *n->record;
  std::uint64_t& trace = journal_.trace;
  trace = mixed(trace, reinterpret_cast<std::uintptr_t>(record.name));
  trace = mixed(trace, reinterpret_cast<std::uintptr_t>(record.apply));
  for (std::uint32_t i = 0; i < record.arity; ++i) {
    const Node* input = node(record.edges()[i].input);
    trace = mixed(trace, static_cast<std::uint64_t>(input->numel) * 2 + input->requires_grad);
    trace = mixed(trace, origin_of(input));
  }
  trace = mixed(trace, fingerprint(n));
  made_[n] = ++operations_;
  last_ = Node::share(n);
}

void Watch::settle() {
  const Tensor last = std::exchange(last_, {});
  if (last.defined() && node(last)->record) take_rule(*node(last)->record);
}

void Watch::take_rule(Record& record) {
  const auto* bytes = static_cast<const std::byte*>(record.rule());
  journal_.rules.push_back({record.apply, record.rule_bytes});
  journal_.numbers.insert(journal_.numbers.end(), bytes, bytes + record.rule_bytes);
}

void Watch::writes(Node* n) {
  if (outer_) outer_->writes(n);
  const void* const memory = memory_of(n);
  if (is_own(memory) || journal_.written.contains(memory)) return;
  const Observing outside(outer_);
  const NoGrad guard;
  journal_.written.emplace(memory, Journal::Written{held(n), copy_of(bytes_of(n))});
}

bool Watch::host_changes(const HostChange& change) {
  if (change.kind == HostChange::Kind::state)
    fail("checkpoint",
         "the function changes state outside tensors, as the step of an optimizer does, and the "
         "recomputation would do so again; do it outside the function");
  if (change.kind == HostChange::Kind::tensor && !is_own(change.owner)) {
    const Node* n = static_cast<const Node*>(change.owner);
    fail("checkpoint", "the function calls ", change.operation, " on a tensor of shape ",
         Shape(n->shape(), n->rank),
         " from outside it, and the recomputation would do so again; call it "
         "outside the function");
  }
  return !outer_ || outer_->host_changes(change);
}

void Watch::replaces_grad(Node* leaf, bool adds) {
  if (!is_own(leaf))
    fail("checkpoint", "the function ", (adds ? "adds to" : "replaces"),
         " the gradient of a tensor of shape ", Shape(leaf->shape(), leaf->rank),
         " from outside it, and the recomputation would do so again; compute "
         "gradients inside with grad(), or store them outside the function");
  if (outer_) outer_->replaces_grad(leaf, adds);
}

Drawn Watch::draws(Generator& generator, std::uint64_t count, bool replayable) {
  Drawn drawn;
  {
    const Observing outside(outer_);
    drawn = draw(generator, count, replayable);
  }
  const auto& [seed, first] = drawn.draw;
  std::vector<Journal::Draws>& draws = journal_.draws;
  if (!draws.empty() && !drawn.replayed && !draws.back().replayed && draws.back().seed == seed &&
      draws.back().last == first)
    draws.back().last += count;
  else
    draws.push_back({seed, first, first + count, drawn.replayed});
  return drawn;
}

// ------------------------------------------------------------------ the second time

Drawn WatchAgain::draws(Generator&, std::uint64_t count, bool) {
  const auto& draws = first_.draws;
  if (stream_ < draws.size() && draws[stream_].first + taken_ == draws[stream_].last)
    ++stream_, taken_ = 0;
  if (stream_ == draws.size() || draws[stream_].last - draws[stream_].first - taken_ < count)
    fail("checkpoint",
         "the recomputation draws more random numbers than the forward pass did; something that "
         "the function depends on was changed in between; make it an input, or change it after "
         "backward");
  const Journal::Draws& from = draws[stream_];
  const std::uint64_t offset = from.first + std::exchange(taken_, taken_ + count);
  return {{from.seed, offset}, from.replayed};
}

void WatchAgain::take_rule(Record& record) {
  if (rule_ == first_.rules.size()) return;
  const auto& [apply, bytes] = first_.rules[rule_++];
  if (apply == record.apply && bytes == record.rule_bytes && bytes > 0)
    std::memcpy(record.rule(), first_.numbers.data() + number_, bytes);
  number_ += bytes;
}

bool WatchAgain::drew_all() const {
  if (first_.draws.empty()) return true;
  const std::size_t last = first_.draws.size() - 1;
  return stream_ == last && first_.draws[last].first + taken_ == first_.draws[last].last;
}

namespace {

void write(Node* n, const Tensor& bytes, std::uint32_t version) {
  n->bump_version();
  kernels::run(kernels::Copy{boolean, data(bytes), bytes_of(n).first, bytes.numel()});
  version_of(n).store(version, std::memory_order_relaxed);
}

}  // namespace

PutBack::PutBack(const Journal& first, const Journal& again) : first_(first), again_(again) {
  static std::recursive_mutex turns;  // a repetition may hold others
  const bool differs = std::any_of(first.flags.begin(), first.flags.end(),
                                   [](const auto& entry) { return *entry.flag != entry.value; });
  if (differs || !first.written.empty()) turn_ = std::unique_lock(turns);
  for (const auto& [memory, written] : first.written) {
    Node* const n = node(written.tensor);
    changed_.push_back({written.tensor, copy_of(bytes_of(n)), n->version()});
  }
  // What the repetition records is told apart from what was recorded before, and later.
  for (const Changed& changed : changed_)
    write(node(changed.tensor), first.written.at(memory_of(node(changed.tensor))).before,
          changed.version ^ 1u << 31);
  for (const auto& [flag, value] : first.flags)
    if (*flag != value) flags_.push_back({flag, std::exchange(*flag, value)});
}

PutBack::~PutBack() {
  for (const auto& [memory, written] : again_.written)
    if (!first_.written.contains(memory))
      write(node(written.tensor), written.before, node(written.tensor)->version() + 1);
  for (const Changed& changed : changed_) write(node(changed.tensor), changed.now, changed.version);
  for (const auto& [flag, value] : flags_) *flag = value;
}

}  // namespace gradus::detail
