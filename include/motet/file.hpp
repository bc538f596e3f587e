// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Files: opened, read and written while other fibers run.
///
/// Disks are slow at times, and cannot be hurried: a fiber that is asked to stop while it
/// reads or writes waits until the disk has answered, and then the answer counts.

#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/file_stat.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace motet {

/// What a file is opened for. By default it has to exist, and is only read.
struct open_options {
  bool read = true;
  bool write = false;
  bool append = false;          ///< Writes, always at the end, wherever that is by then.
  bool create = false;          ///< Makes it if it is not there.
  bool exclusive = false;       ///< With `create`: it must not be there.
  bool truncate = false;        ///< Forgets what was in it.
  unsigned permissions = 0666;  ///< Of a file that is made, less the process's umask.
};

/// An open file. Moves, does not copy, and closes when it goes; it must outlive what is
/// under way on it. Fibers may read and write at the same time; those that share the
/// current position take turns, or each gets what the system gives it. Same thread only.
///
/// Failures are std::system_error that names the path.
class file {
 public:
  /// Not open.
  file() = default;
  /// Takes over a descriptor. @param name for error messages.
  explicit file(int fd, std::string name = "file") noexcept
      : descriptor_(fd), name_(std::move(name)) {}

  /// Opens a file. A FIFO is waited for: until somebody has opened its other end.
  /// Cancelled, it has opened nothing, but may have made the file. Cancellation point.
  [[nodiscard]] static file open(const std::string& path,
                                 const open_options& options = {},
                                 call_site where = call_site::here());
  /// As above. @returns a file that is not open if that failed. Cancellation point.
  [[nodiscard]] static file open(const std::string& path, const open_options& options,
                                 std::error_code& ec,
                                 call_site where = call_site::here());
  /// The same with the flags of open(2). Cancellation point.
  [[nodiscard]] static file open(const std::string& path, int flags, unsigned mode = 0666,
                                 call_site where = call_site::here());

  /// Reads from `offset` on, in bytes. The current position stays.
  /// @returns the part of `buffer` that was filled: empty at the end of the file, and
  /// otherwise maybe less than all. Cancellation point.
  std::span<std::byte> pread(std::span<std::byte> buffer, std::uint64_t offset,
                             call_site where = call_site::here());
  /// Fills all of `buffer`, or what there is until the end. Cancellation point.
  std::span<std::byte> pread_exactly(std::span<std::byte> buffer, std::uint64_t offset,
                                     call_site where = call_site::here());
  /// Reads into several buffers in turn. @returns how many bytes. Cancellation point.
  std::size_t pread(std::span<const std::span<std::byte>> buffers, std::uint64_t offset,
                    call_site where = call_site::here());

  /// Writes all of `data` from `offset` on. The current position stays. Cancelled
  /// half-way it throws, and a part was written: use the overload that tells how much.
  /// Cancellation point.
  void pwrite(std::span<const std::byte> data, std::uint64_t offset,
              call_site where = call_site::here());
  /// As above. Cancellation point.
  void pwrite(std::string_view text, std::uint64_t offset,
              call_site where = call_site::here());
  /// As above; `done` counts the bytes written, whatever is thrown. Cancellation point.
  void pwrite(std::span<const std::byte> data, std::uint64_t offset, std::size_t& done,
              call_site where = call_site::here());
  /// Writes several pieces as one. Cancellation point.
  void pwrite(std::span<const std::span<const std::byte>> pieces, std::uint64_t offset,
              call_site where = call_site::here());

  /// As `pread`, from the current position, which moves on. Cancellation point.
  std::span<std::byte> read(std::span<std::byte> buffer,
                            call_site where = call_site::here());
  /// As `pread_exactly`, from the current position. Cancellation point.
  std::span<std::byte> read_exactly(std::span<std::byte> buffer,
                                    call_site where = call_site::here());
  /// As above; `done` counts the bytes read, whatever is thrown. Cancellation point.
  std::span<std::byte> read_exactly(std::span<std::byte> buffer, std::size_t& done,
                                    call_site where = call_site::here());
  /// Reads into several buffers in turn. @returns how many bytes. Cancellation point.
  std::size_t read(std::span<const std::span<std::byte>> buffers,
                   call_site where = call_site::here());

  /// As `pwrite`, at the current position, or at the end if opened so. Cancellation
  /// point.
  void write(std::span<const std::byte> data, call_site where = call_site::here());
  /// As above. Cancellation point.
  void write(std::string_view text, call_site where = call_site::here());
  /// As above; `done` counts the bytes written, whatever is thrown. Cancellation point.
  void write(std::span<const std::byte> data, std::size_t& done,
             call_site where = call_site::here());
  /// Writes several pieces as one. Cancellation point.
  void write(std::span<const std::span<const std::byte>> pieces,
             call_site where = call_site::here());
  /// Writes a part. @returns how many bytes. Cancellation point.
  std::size_t write_some(std::span<const std::byte> data,
                         call_site where = call_site::here());

  /// Waits until all that was written is on the disk. Cancellation point.
  void fsync(call_site where = call_site::here());
  /// The same without times and the like, which costs less. Cancellation point.
  void fdatasync(call_site where = call_site::here());
  /// Makes it so many bytes long; what is new is zeros. Cancellation point.
  void truncate(std::uint64_t size, call_site where = call_site::here());
  /// What is known of it. Cancellation point.
  [[nodiscard]] file_stat stat(call_site where = call_site::here());

  /// What is known of the file of that name; of what a symbolic link leads to.
  /// Cancellation point.
  [[nodiscard]] static file_stat stat(const std::string& path,
                                      call_site where = call_site::here());
  /// As above. Cancellation point.
  [[nodiscard]] static file_stat stat(const std::string& path, std::error_code& ec,
                                      call_site where = call_site::here());
  /// The same of a symbolic link itself. Cancellation point.
  [[nodiscard]] static file_stat lstat(const std::string& path,
                                       call_site where = call_site::here());
  /// Gives it another name; what has had that name loses it. Cancellation point.
  static void rename(const std::string& from, const std::string& to,
                     call_site where = call_site::here());
  /// Removes a name of a file, and with the last one the file. Cancellation point.
  static void unlink(const std::string& path, call_site where = call_site::here());

  /// Closes. What is under way goes on with the old file. Never parks.
  void close() noexcept { descriptor_.close(); }
  /// The descriptor, still owned by this. Never parks.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }
  /// For the library: with the operations under way on it.
  [[nodiscard]] detail::descriptor& owned() noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_.fd() >= 0; }
  /// The path it was opened by. Never parks.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  detail::descriptor descriptor_;
  std::string name_;
};

}  // namespace motet
