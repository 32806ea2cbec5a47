#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "autograd/node.hpp"
#include "gradus/runtime.hpp"

// A function that is called a second time has to do the same again, and leave the world outside it
// as the first call did: what is observed, and kept, for that.
namespace gradus::detail {

/// What one call of a function read and changed outside itself. Values are known by their memory: a
/// buffer, or a node that holds its value.
struct Journal {
  struct Used {
    Tensor tensor;
    std::uint32_t version;
  };
  struct Written {
    Tensor tensor;
    Tensor before;  // the bytes of the whole memory
  };
  struct Flag {
    std::shared_ptr<bool> flag;
    bool value;
  };
  /// Draws of one stream, one behind the other.
  struct Draws {
    std::uint64_t seed, first, last;
    const Draw* replayed;
  };
  std::unordered_map<const void*, Used> used;
  std::unordered_map<const void*, Written> written;
  std::vector<const void*> made;  // nodes and buffers of the call's own, sorted
  std::vector<Flag> flags;
  std::vector<Draws> draws;
  /// The rules of the operations that were recorded, with their numbers one behind the other.
  struct Rule {
    ApplyRule apply;
    std::size_t bytes;
  };
  std::vector<Rule> rules;
  std::vector<std::byte> numbers;
  std::uint64_t trace = 0;  // of these operations, where their inputs come from, and their values
  Precision precision = matmul_precision();
};

/// While it lives, what this thread does is entered in a journal; what cannot be repeated throws.
class Watch : public Observer {
 public:
  explicit Watch(Journal& journal) : journal_(journal), outer_(mode.observer), observing_(this) {}

  /// True if the node or buffer was made here.
  bool is_own(const void* memory) const { return made_.contains(memory); }
  /// The end: enters in the journal what is still to come.
  void close();

  void made(Node* n) override;
  void reads(const Inputs& inputs) override;
  void host_reads(const HostRead& read) override;
  void recorded(Node* n) override;
  void writes(Node* n) override;
  void replaces_grad(Node* leaf, bool adds) override;
  bool host_changes(const HostChange& change) override;
  Drawn draws(Generator& generator, std::uint64_t count, bool replayable) override;

 protected:
  /// The last operation has got its rule: any event tells.
  void settle();
  /// The rule of a new operation: enters it in the journal.
  virtual void take_rule(Record& record);

 private:
  void enter(const Inputs& inputs);
  std::uint64_t origin_of(const Node* input) const;

  Journal& journal_;
  Observer* const outer_;
  const Observing observing_;
  /// With the number of the operation whose result it is, if any.
  std::unordered_map<const void*, std::uint64_t> made_;
  std::uint64_t operations_ = 0;
  Tensor last_;  // whose rule was not yet seen
};

/// The same for a repetition: it draws the numbers of the first call, and generators stand still.
/// Operations get the rules of the first call, as if its graph had been kept: their numbers may
/// have changed where no value shows it, and cannot be compared (a rule has padding, and pointers).
class WatchAgain : public Watch {
 public:
  WatchAgain(Journal& journal, const Journal& first) : Watch(journal), first_(first) {}

  bool host_changes(const HostChange& change) override {
    return change.kind != HostChange::Kind::generator && Watch::host_changes(change);
  }
  Drawn draws(Generator& generator, std::uint64_t count, bool replayable) override;
  bool drew_all() const;

 private:
  void take_rule(Record& record) override;

  const Journal& first_;
  std::size_t rule_ = 0, number_ = 0;  // in first_.rules and first_.numbers
  std::size_t stream_ = 0;             // in first_.draws
  std::uint64_t taken_ = 0;            // of it
};

/// While it lives, the memory that the first call wrote and the flags that it read are as that call
/// found them; afterwards they are as they were, also what `again` wrote besides.
class PutBack {
 public:
  PutBack(const Journal& first, const Journal& again);
  ~PutBack();
  PutBack(const PutBack&) = delete;
  PutBack& operator=(const PutBack&) = delete;

 private:
  struct Changed {
    Tensor tensor, now;
    std::uint32_t version;
  };
  const Journal &first_, &again_;
  std::unique_lock<std::recursive_mutex> turn_;  // such repetitions do not overlap
  std::vector<Changed> changed_;
  std::vector<Journal::Flag> flags_;
};

/// Where the values of a node are.
const void* memory_of(const Node* n);

/// A number that differs, in all likelihood, where any bit of the values does.
std::uint64_t fingerprint(const Node* n);

}  // namespace gradus::detail
