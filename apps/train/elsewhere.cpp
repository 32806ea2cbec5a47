#include "elsewhere.hpp"

#include <filesystem>

#include "command_line.hpp"

using namespace gradus;

void require_elsewhere(const std::string& out, const std::string& path, const std::string& data) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(out, ignored)) return;
  for (const std::string& read :
       {data, path, path + "/model.safetensors", path + "/checkpoint.safetensors",
        path + "/history.jsonl", path + "/config.json"})
    if (!read.empty() && std::filesystem::equivalent(out, read, ignored))
      throw UsageError("--out " + printable(out) +
                       " holds what is read, and would be replaced; another file is required");
}
