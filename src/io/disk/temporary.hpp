#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/disk/output.hpp"

namespace gradus::io::detail {

/// What stands for a random number where the system gives none: all of its bits differ from those
/// of the last one, and of other processes.
std::uint64_t number_of_moment();
/// Eight letters and digits that no other process has drawn.
std::string random_name();
/// True for what random_name() can give.
bool is_random_name(std::string_view text);

/// Takes a file for this process alone until the descriptor is closed or the process ends, however
/// it does. False if another one has it; true also where the file system knows no locks.
bool try_lock(int fd);

/// A file under a name that nobody has, ".NAME.gradus-xxxxxxxx" beside `path`, locked while it is
/// open. Its name is in `name`. Throws FileError.
Descriptor make_temporary(const std::string& path, mode_t mode, std::string& name);

/// True for names that make_temporary() gives.
bool is_temporary(const std::string& name);

/// Removes from a folder the temporary files of processes that ended before they could.
void remove_stale_temporaries(const std::string& folder);

}  // namespace gradus::io::detail
