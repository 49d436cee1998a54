import PostgresPQ

extension PostgresClient {
    /// Runs a statement that may be run twice, waiting for a database that is away; gives up after `outagePatience`. After
    /// a conflict (40001, 40P01) it is run again too: nothing of it happened.
    /// - Parameter isFinal: which errors are not waited out.
    func patiently<Value: Sendable>(
        unless isFinal: (PostgresError) -> Bool = { _ in false },
        _ body: (PostgresClient) async throws -> Value
    ) async -> Result<Value, PostgresError> {
        let deadline = ContinuousClock.now + EngineLimits.outagePatience
        while true {
            do {
                return .success(try await body(self))
            } catch let error as PostgresError where error.mayPass && !isFinal(error) && .now < deadline {
                if (try? await Task.sleep(for: EngineLimits.outagePause)) == nil { return .failure(error) }
            } catch let error as PostgresError {
                return .failure(error)
            } catch is CancellationError {
                return .failure(PostgresError(.cancelled, "cancelled"))
            } catch {
                // What a row does not decode as, beyond what PostgresPQ itself checks.
                return .failure(PostgresError(.decoding, Runner.text(of: error), underlying: error))
            }
        }
    }
}

extension PostgresError {
    /// The same statement may succeed a little later, and nobody but the database is to blame.
    var mayPass: Bool { isUnavailable || isSerializationConflict }
}
