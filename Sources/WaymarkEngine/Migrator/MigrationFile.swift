import Crypto
import Foundation
import Waymark
import WaymarkMigrations

/// One numbered file of the `migrations` folder.
struct MigrationFile: Sendable {
    let name: String
    /// Its text, for the schema asked for.
    let sql: String
    /// SHA-256 of the file as it is in the repository, whatever the schema.
    let checksum: Data

    static func all(schema: SchemaName) -> [MigrationFile] {
        Migrations.files.map { file in
            let text = String(decoding: file.bytes, as: UTF8.self)
            return MigrationFile(
                name: file.name, sql: text.replacing("waymark.", with: "\(schema)."),
                checksum: Data(SHA256.hash(data: file.bytes)))
        }
    }
}
