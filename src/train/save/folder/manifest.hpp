#pragma once

#include <set>
#include <string>
#include <vector>

// Which files in a run folder are a run's, and which are not.
namespace gradus::train::detail {

/// Names of files, relative to the folder.
using Files = std::set<std::string>;

/// The files that runs wrote, as the list in the folder says; in a folder without a list, those
/// whose names say so.
Files run_files(const std::string& folder);
/// The list, whether the files are there or not.
Files listed_files(const std::string& folder);
/// Replaces the list. Throws io::FileError.
void write_manifest(const std::string& folder, const Files& files);

/// Something in the folder that no run wrote, or "".
std::string foreign_file(const std::string& folder);
/// True if a run has left something there.
bool holds_run(const std::string& folder);
/// True if there is nothing in it but what every run makes first: its lock, its list.
bool holds_nothing(const std::string& folder);

/// Removes the files that runs wrote, and then, if nothing else is left in it, the folder.
void remove_run(const std::string& folder, bool folder_too = true);

/// Where the files of a run go that is to replace the one in `folder`: beside it, or in it where no
/// file can be moved from there, as into a mounted folder.
std::string staging_folder(const std::string& folder, bool inside);
inline constexpr const char* staging_name = ".gradus-new";

/// An overwrite that has begun: all that is needed to finish it.
struct Replacement {
  std::string from;                   ///< the folder with the new files
  std::vector<std::string> put;       ///< files that come from there
  std::vector<std::string> take_out;  ///< files of the old run alone
};
/// Lists the files of both; throws io::FileError if a new one would fall on what no run wrote.
Replacement plan_replacement(const std::string& folder, const std::string& from);
/// Writes it down, so that it is finished whatever happens, and does it. Throws io::FileError.
void replace_run(const std::string& folder, const Replacement& replacement);
/// Finishes what was written down, if anything was.
void finish_replacement(const std::string& folder);
bool has_replacement(const std::string& folder);

}  // namespace gradus::train::detail
