import ArgumentParser
import Logging
import PostgresPQ
import PrivatePostgres
import Waymark
import WaymarkEngine
import WaymarkHTTP

extension ExitCode {
    /// sysexits' EX_UNAVAILABLE: the database cannot be reached.
    static let unavailable = ExitCode(69)
    /// sysexits' EX_CONFIG: the sagas or the schema cannot be used as they are, or there are keys that no saga knows.
    static let misconfigured = ExitCode(78)
}

/// Runs a command's work; says once why it failed, and turns the kind of failure into the exit code.
func reporting(logger: Logger, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        throw error
    } catch let error as PostgresError where error.isUnavailable {
        logger.critical(
            "the database cannot be reached, or takes no writes", metadata: ["error": .string(error.message)])
        throw ExitCode.unavailable
    } catch let error as PostgresTransactionError where error.error.code == .commitOutcomeUnknown {
        // Said so that nobody repeats it unseen.
        logger.critical(
            "the database went away at the commit: it may be done, so look before you repeat it (`keys audit`)",
            metadata: ["error": .string(error.error.message)])
        throw ExitCode.unavailable
    } catch let error as PrivatePostgresError {
        logger.critical("no private PostgreSQL", metadata: ["error": .string("\(error)")])
        throw ExitCode.unavailable
    } catch let error as SagaDeclarationError {
        logger.critical("a saga cannot run as declared", metadata: ["error": .string("\(error)")])
        throw ExitCode.misconfigured
    } catch let error as UnknownInFlightError {
        logger.critical(
            "the process cannot start", metadata: ["error": "\(error); --tolerate-unknown starts all the same"])
        throw ExitCode.misconfigured
    } catch let error as OpenFiles.TooFew {
        logger.critical("the process cannot start", metadata: ["error": .string("\(error)")])
        throw ExitCode.misconfigured
    } catch let error as WaymarkError where error.code == .migration || error.code == .duplicateName {
        logger.critical("the process cannot start", metadata: ["error": .string("\(error)")])
        throw ExitCode.misconfigured
    } catch {
        logger.critical("failed", metadata: ["error": .string("\(error)")])
        throw ExitCode.failure
    }
}
