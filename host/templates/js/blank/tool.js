// Greets.

/** @param {string} name */
export function hello(name) {
  console.log(`greeting ${name}`);
  return `Hello, ${name}!`;
}
