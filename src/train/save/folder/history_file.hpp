#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradus/train/checkpoint.hpp"
#include "io/disk/output.hpp"
#include "train/save/json.hpp"

// The file beside a checkpoint to which everything is appended that only grows: the history, the
// lists of callbacks. So a checkpoint is as large after a thousand epochs as after one.
//
//   gradus-history 1
//   {"epochs": [{"epoch": 1, …}, …], "lists": {"callback.monitor": {"norms": [0.5, …], …}}}
//
// A line for each save. The checkpoint says how many bytes of it are its own.
namespace gradus::train::detail {

/// Lists of numbers by part of the state and by name.
using Lists = std::map<std::string, std::map<std::string, const std::vector<double>*>>;

/// How long they are.
using Sizes = std::map<std::pair<std::string, std::string>, std::size_t>;

class HistoryFile {
 public:
  /// `checkpoint` is the path of the checkpoint that it goes with.
  explicit HistoryFile(std::string checkpoint) : checkpoint_(std::move(checkpoint)) {}
  /// Goes on in the file of a checkpoint that was read, if that is beside this one and ends there;
  /// otherwise the first add() writes everything to a new one.
  void resume(const Checkpoint& checkpoint, const Lists& lists);
  /// Appends what is new, and makes it last. Throws io::FileError.
  HistoryPlace add(const std::vector<Epoch>& history, const Lists& lists);
  /// Once the checkpoint is in place: removes what the one before had, and what ended halfway.
  void remove_others();

 private:
  std::string checkpoint_;
  std::optional<io::detail::Output> file_;
  HistoryPlace place_;
  std::size_t epochs_ = 0;  // written
  Sizes lists_;             // numbers written
  bool alone_ = false;
};

/// Appends epochs that follow one another, all before the one that is running.
void read_epochs(const Value& list, Checkpoint& c);
/// Finds out before a run that its checkpoints can be written: the folder takes files, and the disk
/// has room for two of the size that `first` lets expect. Removes what killed writers left there.
void prepare_storage(const CheckpointOptions& options, const Checkpoint& first);
/// Writes a checkpoint whose history and lists stand at c.appended.
void save_with_history(const std::string& path, const Checkpoint& c);
/// Reads what stands at c.appended into c.history and, as entries, into c.states. `checkpoint` is
/// the path of the checkpoint. Throws for files that are not as they were written.
void read_history(const std::string& checkpoint, Checkpoint& c);

/// True for names that the history of the checkpoint called `checkpoint` can have.
bool is_history_name(const std::string& name, const std::string& checkpoint);
/// True if the file begins as a history does.
bool is_history_file(const std::string& path);

}  // namespace gradus::train::detail
