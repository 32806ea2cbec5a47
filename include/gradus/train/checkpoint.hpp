#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gradus/data/loader.hpp"
#include "gradus/io/safetensors.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/optim/optimizer.hpp"
#include "gradus/train/callback.hpp"

namespace gradus::train {

/// Where a run stands, with what its present epoch has added up so far.
struct Place {
  Index epoch = 1;  ///< the one that is running, from 1
  Index step = 0;   ///< steps of it that are done; 0: it has not begun
  Index global_step = 0, skipped_steps = 0;
  Index accumulate = 1;  ///< batches per step
  double loss = 0;       ///< sum over samples
  double norm = 0;       ///< sum over steps
  Index samples = 0, steps = 0;
  double lr = 0, seconds = 0;
};

/// The part of a file beside a checkpoint that is its own: what only grows is appended there, so
/// that a checkpoint is as large after a thousand epochs as after one.
struct HistoryPlace {
  std::string file = "";   ///< in the folder of the checkpoint; "": there is none
  std::int64_t bytes = 0;  ///< of it, from its beginning
  std::uint32_t crc = 0;   ///< CRC-32C of these
};

/// Everything a run needs to go on bit for bit. fit() makes it and takes it up again; a program
/// adds what it needs to build model and data again as `texts` and `tensors`.
struct Checkpoint {
  nn::StateDict weights = {};  ///< the model's parameters and buffers
  nn::StateDict best = {};     ///< those of the best epoch; empty before one is complete
  std::string optimizer = "";  ///< name of the algorithm
  /// State by part: "optimizer", "scheduler", "plateau", "ema", "clip", "best", and
  /// "callback.<name>" for each callback that has a name.
  std::map<std::string, optim::StateDict> states = {};
  std::uint64_t seed = 0, offset = 0;  ///< of default_generator()
  data::LoaderState loader = {};
  Place place = {};
  /// What else decides the numbers, as text: "batch_size", "clip_norm", the description of each
  /// module, … A run that goes on has the same.
  std::map<std::string, std::string> settings = {};
  std::vector<Epoch> history = {};
  std::vector<Finding> findings = {};
  std::map<std::string, std::string> texts = {};
  std::map<std::string, Tensor> tensors = {};
  HistoryPlace appended = {};  ///< where history and lists stood, if fit() wrote it
};

/// When and where fit() writes checkpoints. There is one, which is replaced as a whole: after each
/// save, and if one fails or the process is killed, it is complete. Beside it is a file called
/// PATH.xxxxxxxx.history; the two belong together. Whatever else is asked for, the first epoch, the
/// end of the run and FitOptions::stop are followed by one.
struct CheckpointOptions {
  std::string path = "";  ///< a .safetensors file; "": no checkpoints
  /// Once so much time has passed since the last one, after the next step; 0: never for that.
  double every_seconds = 60;
  Index every_steps = 0;   ///< after every so many steps; 0: never for that
  Index every_epochs = 0;  ///< after every so many epochs; 0: after the first and the last alone
  std::map<std::string, std::string> texts = {};  ///< see Checkpoint
  std::map<std::string, Tensor> tensors = {};     ///< see Checkpoint
  std::uintmax_t free_bytes = 0;                  ///< what is to be left free on the disk besides
};

/// Writes one .safetensors file with all of it, history and lists too; see
/// io::write_file_atomically. The weights have their own names, as PyTorch would write them; all
/// else is under "gradus/…" and in the metadata. Throws, leaving an old file as it was, if it
/// cannot be written or a weight's name begins with "gradus/".
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Reads what save_checkpoint() or fit() wrote. Throws for files that are damaged, cut off, or hold
/// no checkpoint. Files of weights alone are for io::read_safetensors().
Checkpoint load_checkpoint(const std::string& path);
/// The same from a file that was read; `name` is its path, in whose folder the history lies.
Checkpoint parse_checkpoint(const io::SafeTensors& file, const std::string& name = "checkpoint");

/// Lists, in one line, everything in which the weights differ from the model's in name, shape or
/// dtype; "" if nothing does.
std::string compare_weights(const nn::StateDict& weights, const nn::Module& model);

}  // namespace gradus::train
