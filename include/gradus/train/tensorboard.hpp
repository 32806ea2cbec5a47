#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gradus/train/callback.hpp"

namespace gradus::io::detail {
class Output;
}

namespace gradus::train {

struct TensorBoardOptions {
  Index every_steps = 1;  ///< loss, learning rate and gradient norm of every so many steps; 0: none
  bool histograms = true;  ///< of every parameter after every epoch
};

/// Writes an event file that TensorBoard shows (`tensorboard --logdir FOLDER`): scalars per step
/// and epoch, histograms of the weights. The folder is made if it is missing. A resumed run begins
/// a new file, which tells TensorBoard to drop what was written after the checkpoint.
class TensorBoardLog : public Callback {
 public:
  explicit TensorBoardLog(std::string folder, const TensorBoardOptions& options = {});
  void on_fit_begin(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  void on_fit_end(Context& run) override;
  /// The file that is, or will be, written.
  const std::string& path() const { return path_; }

 private:
  void scalar(const std::string& tag, double value, Index step);
  void event(Index step, const std::string& field);
  void record(std::string_view bytes);
  void flush();

  std::string folder_, path_;
  TensorBoardOptions options_;
  std::shared_ptr<io::detail::Output> file_;
  std::string waiting_;  // to be written
};

namespace detail {
/// CRC-32C (Castagnoli), as in iSCSI, of `bytes`, or of them after others whose code was `before`.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
}  // namespace detail

}  // namespace gradus::train
