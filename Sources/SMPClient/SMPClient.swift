public import Logging
public import NIOCore
public import SMPProtocol
public enum SMPClientError: Error, Equatable, Sendable { case unreachable(String), identity(String), incompatible(String), timedOut(String), closed(String) }
public struct SMPPush: Sendable { public enum Event: Sendable { case message(id: [UInt8], body: ArraySlice<UInt8>), end, deleted }
 public let entity: [UInt8]; public let event: Event }
public final class SMPClient: Sendable {
  public static func connect(to server: SMPServer, on loop: any EventLoop, logger: Logger) async throws(SMPClientError) -> SMPClient { throw .closed("") }
  public func submit(_ command: ClientCommand, entity: [UInt8], authorization: Authorization) -> EventLoopFuture<ServerResponse> { fatalError() }
  public let pushes: AsyncStream<SMPPush> = AsyncStream { _ in }
  public var closeReason: SMPClientError? { nil }
  public func close() {}
}
