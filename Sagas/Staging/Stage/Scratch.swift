import Foundation

/// A fresh folder for everything that one run writes: two runs never meet.
package struct Scratch: Sendable {
    package let path: String

    /// - Parameter name: what the folder's name begins with.
    /// - Throws: `StagingError` when it cannot be made.
    package init(_ name: String) throws {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)")
        do {
            try files.createDirectory(
                at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StagingError("No folder can be made in \(files.temporaryDirectory.path): \(error).")
        }
        path = folder.path
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes it, as far as it goes: what is left in a temporary folder does no harm.
    package func remove() { try? FileManager.default.removeItem(atPath: path) }
}
