// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"
#include "lib/io/perform.hpp"

#include <motet/detail/socket_file.hpp>

#include <climits>
#include <utility>

#include <unistd.h>

namespace motet::detail {

namespace {

/// The program may change its directory before the file goes.
std::string absolute(std::string path) {
  char directory[PATH_MAX];
  const bool relative = path.front() != '/';
  // A simulated file has no directory.
  const bool simulated =
      this_scheduler != nullptr && this_scheduler->kernel().simulated();
  if (!relative || simulated || ::getcwd(directory, sizeof directory) == nullptr)
    return path;
  return std::string(directory).append("/").append(path);
}

}  // namespace

socket_file::socket_file(std::string path) : path_(absolute(std::move(path))) {
  file_identity found;
  const std::int32_t failed = ask_kernel(find_socket_file_call{path_.c_str(), &found});
  // Nothing to be removed by the destructor, which does not run.
  if (failed < 0) throw_failure(failed, "look at " + path_);
  device_ = found.device;
  inode_ = found.inode;
}

void socket_file::remove_file() noexcept {
  // The child of a bare fork has a copy, and the file is its parent's.
  if (!in_forked_child)
    ask_kernel(remove_socket_file_call{path_.c_str(), {device_, inode_}});
  path_.clear();
}

socket_file::socket_file(socket_file&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

socket_file& socket_file::operator=(socket_file&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

}  // namespace motet::detail
