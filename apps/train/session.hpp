#pragma once

#include <gradus/train/run_folder.hpp>
#include <gradus/train/setup.hpp>
#include <optional>
#include <string>
#include <vector>

/// What a training ended with.
struct Outcome {
  gradus::train::Score test;  ///< of the test part, or of the validation part if there is none
  bool measured = false;      ///< there was one of them
  std::vector<gradus::train::Epoch> history;
  std::vector<gradus::train::Finding> findings;
  int status = 0;  ///< an Exit
};

/// Trains on prepared data; writes to `folder`, if there is one; prints unless `quiet`.
Outcome train_model(gradus::train::Prepared& data, gradus::train::RunFolder* folder, bool quiet);

/// "test accuracy 98.33 %, test loss 0.1234", or for quantities the loss alone.
std::string describe(const gradus::train::Score& score, gradus::train::Task task,
                     const std::string& part);

/// Prints what was found in the data before the training.
void print_report(const gradus::train::Prepared& data, const gradus::train::Source& source);
